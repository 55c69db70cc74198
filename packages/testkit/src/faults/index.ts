/** Campaigns of faults, and the tools of which they are made. */
export { type CampaignOptions, runCampaign } from './campaign.ts';
export { canMakeImageDisks, ImageDisk } from './image-disk.ts';
export type { FaultCounts } from './plan.ts';
export { Injection } from './system-calls.ts';
export type { CampaignResult } from './tally.ts';
