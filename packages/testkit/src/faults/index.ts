/** Campaigns of faults, and the tools of which they are made. */
export { type CampaignOptions, runCampaign } from './campaign.ts';
export { type GroupCampaignOptions, runGroupCampaign } from './group/group-campaign.ts';
export { canMakeImageDisks, ImageDisk } from './image-disk.ts';
export { Network } from './network.ts';
export { mergeNotebooks, Notebook } from './notebook.ts';
export { pause } from './partition.ts';
export { TalkingPerson } from './person.ts';
export type { Standing } from './person-talk.ts';
export { Dice, type FaultCounts, type Partition } from './plan.ts';
export { Injection } from './system-calls.ts';
export type { CampaignResult } from './tally.ts';
export { TcpProxy } from './tcp-proxy.ts';
