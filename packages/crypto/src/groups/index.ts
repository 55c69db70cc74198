/** Groups as far as server and clients agree on them: the membership log, and what a submit to a group names. No secrets, no I/O. */
export { groupConversationId, groupSetHash, type MemberDevices } from './group-set.ts';
export {
  applyEntry,
  entryHash,
  type FindSigningKey,
  GroupLogError,
  type GroupLogFault,
  type GroupMember,
  type GroupState,
  isSignedBy,
  memberOf,
  readEntry,
  signEntry,
  type VerifiedEntry,
  verifyLog,
  wasMember,
} from './log.ts';
