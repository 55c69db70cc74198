/**
 * Messages between devices, for clients only: the frame with its commitment and chain, the shared body, and
 * sessions (PQXDH and double ratchet of libsignal) whose state is staged. No I/O. Sending goes header →
 * {@link buildFrame} → {@link packFrame} → {@link SessionCipher.encrypt} per device; receiving goes {@link
 * SessionCipher.openLeg} → the caller verifies the sender's account → {@link SessionCipher.decrypt} → {@link
 * unpackFrame} → {@link parseFrame} → {@link checkChain}.
 */
export {
  advanceChain,
  type ChainCheck,
  type ChainFinding,
  type ChainHead,
  type ChainState,
  checkChain,
  checkChainHead,
  followChain,
  nextChainEntry,
  nextLink,
  type SeqRange,
  startChain,
} from './chain.ts';
export { createDeviceKeys, type DeviceKeys } from './device-keys.ts';
export {
  type BuiltFrame,
  buildFrame,
  type ChainEntry,
  commitmentOf,
  conversationIdFor,
  type FrameHeader,
  type KnownSender,
  type ListHead,
  type ParsedFrame,
  parseFrame,
} from './frame.ts';
export {
  blobKeyNumber,
  type GroupKey,
  groupKeyHash,
  openBlob,
  openGroupKey,
  openProfile,
  sealBlob,
  sealGroupKey,
  sealProfile,
} from './group-blob.ts';
export {
  decryptFromGroup,
  distributeSenderKey,
  distributionName,
  distributionOf,
  encryptForGroup,
  takeSenderKey,
} from './group-cipher.ts';
export type { OpenedLeg } from './leg.ts';
export {
  isIdentityKey,
  linkIdOf,
  linkNumbers,
  openAccountKey,
  openLinkAnswer,
  sealAccountKey,
  sealLinkAnswer,
} from './linking.ts';
export {
  FIRST_PREKEY_COUNTERS,
  listExpiredPrekeys,
  type MadePrekeys,
  makePrekeys,
  type PrekeyCounters,
  type PrekeyRows,
  renewPrekeys,
} from './prekeys.ts';
export type {
  KyberPrekeyRow,
  LastResortUse,
  OneTimePrekeyRow,
  SenderKeyRecords,
  SenderKeyRow,
  SessionRecords,
  SessionWrites,
  SignedPrekeyRow,
} from './records.ts';
export { type OwnDevice, SessionCipher } from './session-cipher.ts';
export { SessionError, type SessionFailure } from './session-error.ts';
export { INLINE_FRAME_BYTES_MAX, type PackedFrame, packFrame, unpackFrame } from './shared-body.ts';
