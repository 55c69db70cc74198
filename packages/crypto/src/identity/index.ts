/**
 * Who vouches for whom (wire.md §2), for server and clients: making and verifying the chain tenant root →
 * authority → account key → device list → device, and checking prekey signatures. Pure: no I/O, time is an
 * argument.
 */
export {
  certifyFirstAccount,
  createTenantIdentity,
  makeFirstDeviceList,
  signDeviceList,
  type TenantIdentity,
} from './issue.ts';
export {
  type AccountName,
  certifyNextAccount,
  followKeyChanges,
  type KeyChangeKind,
  signSuccession,
  verifySuccession,
} from './key-changes.ts';
export { verifyPrekeys } from './prekey-signatures.ts';
export {
  compareSafetyNumber,
  type SafetyComparison,
  type SafetyNumber,
  type SafetyParty,
  safetyNumber,
} from './safety-number.ts';
export { generateSigningKey, type SigningKey, signingKeyFromSeed } from './signing-key.ts';
export {
  deviceSetHash,
  listHash,
  openStatement,
  rootHash,
  type StatementLabel,
  signStatement,
} from './statement.ts';
export {
  type ListChange,
  type PinnedAccount,
  type VerifiedAccount,
  verifyAccount,
  verifyEnrolmentList,
  verifyFormerDevice,
  verifyNextList,
} from './verify.ts';
