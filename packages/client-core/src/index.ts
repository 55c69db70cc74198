/**
 * The messenger as a state machine without I/O: whoever hosts it brings store, connection, clock and randomness.
 * {@link enrolDevice} makes a device, {@link Messenger} is one; `@kuvert/client-core/node` hosts both on Node.
 */
export type { Attachments, FileMessage } from './attachments/attachments.ts';
export { harmlessName } from './attachments/names.ts';
export type {
  AttachmentPorts,
  BlobTransfer,
  FileSource,
  FileTarget,
  SealedFiles,
} from './attachments/ports.ts';
export { ChannelClient, type RecordLink } from './channel-client.ts';
export type { Draft } from './conversations/composing.ts';
export { Conversations } from './conversations/conversations.ts';
export { isGroupNews } from './conversations/standing-notices.ts';
export type * from './conversations/store.ts';
export * from './conversations/types.ts';
export { type EnrolmentConnection, enrolDevice } from './enrolment.ts';
export { type GroupMemberView, Groups, type GroupView } from './groups/groups.ts';
export type { GroupLogLine } from './groups/history.ts';
export type * from './groups/store.ts';
export { HistoryTransfer } from './history-transfer/history-transfer.ts';
export type { HistoryProgress } from './history-transfer/receive.ts';
export type * from './history-transfer/store.ts';
export { Messenger } from './messenger.ts';
export { loadOwnDevice, type OwnDevice } from './own-device.ts';
export type * from './ports.ts';
export type { FileProgress, PeopleProgress, Progress } from './progress.ts';
export type { MatchRange } from './search/matches.ts';
export type { FoundMessage, SearchOptions, SearchPage } from './search/search.ts';
export type * from './store.ts';
export type { TextToSend } from './text-to-send.ts';
export type { Activity, PersonActivity } from './ticks/activity.ts';
export type { Policy, PolicyPort } from './ticks/policy.ts';
export { type EffectiveSetting, SETTINGS, type SettingChange } from './ticks/settings.ts';
export type { Safety, SafetyInfo, Verification } from './trust/safety.ts';
export type * from './types.ts';
