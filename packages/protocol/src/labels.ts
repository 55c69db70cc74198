/**
 * The one registry of labels that keep keys and uses apart (wire.md §1; the Threema paper's cross-protocol attack is
 * what happens without). A label names exactly one use. Signatures are over `label ‖ bytes`; hashes, HMACs and HKDF
 * take the label as prefix or info. Labels are part of the formats and never reused for something else.
 */
export const LABELS = {
  // Signatures (Ed25519)
  authorityCertificate: 'kuvert/authority-certificate/1',
  accountCertificate: 'kuvert/account-certificate/1',
  accountSuccession: 'kuvert/account-succession/1',
  deviceList: 'kuvert/device-list/1',
  groupEntry: 'kuvert/group-entry/1',
  // Message formats
  frank: 'kuvert/frank/1',
  chain: 'kuvert/chain/1',
  leg: 'kuvert/leg/1',
  sharedBody: 'kuvert/shared-body/1',
  attachment: 'kuvert/attachment/1',
  attachmentCapability: 'kuvert/attachment-capability/1',
  conversation: 'kuvert/conversation/1',
  safetyNumber: 'kuvert/safety-number/1',
  sentCopy: 'kuvert/sent-copy/1',
  listHash: 'kuvert/list-hash/1',
  rootHash: 'kuvert/root-hash/1',
  deviceSet: 'kuvert/device-set/1',
  // Groups
  groupEntryHash: 'kuvert/group-entry-hash/1',
  groupSet: 'kuvert/group-set/1',
  groupConversation: 'kuvert/group-conversation/1',
  groupKeyHash: 'kuvert/group-key-hash/1',
  groupKeyCopy: 'kuvert/group-key-copy/1',
  groupBlob: 'kuvert/group-blob/1',
  groupProfile: 'kuvert/group-profile/1',
  // Linking of a device
  linkId: 'kuvert/link-id/1',
  linkAnswer: 'kuvert/link-answer/1',
  linkCode: 'kuvert/link-code/1',
  accountKeyCopy: 'kuvert/account-key-copy/1',
  // Device channel
  channelPrologue: 'kuvert/channel/1',
  enrolmentPrologue: 'kuvert/enrolment/1',
  serverKeyId: 'kuvert/server-key-id/1',
  // Server store
  wrapDataKey: 'kuvert/wrap-data-key/1',
  recordKey: 'kuvert/record-key/1',
  blindIndex: 'kuvert/blind-index/1',
  fileKey: 'kuvert/file-key/1',
  redoLog: 'kuvert/redo-log/1',
  cursor: 'kuvert/cursor/1',
  rowKey: 'kuvert/row-key/1',
  indexPart: 'kuvert/index-part/1',
  submitRecord: 'kuvert/submit-record/1',
  tokenSecret: 'kuvert/token-secret/1',
  keyCheck: 'kuvert/key-check/1',
  // Client container
  containerSlot: 'kuvert/container-slot/1',
  containerDatabase: 'kuvert/container-database/1',
  // Merkle logs
  logLeaf: 'kuvert/log-leaf/1',
  logPart: 'kuvert/log-part/1',
  logPromise: 'kuvert/log-promise/1',
  auditExport: 'kuvert/audit-export/1',
  // Administration
  sessionToken: 'kuvert/session-token/1',
  knownDevice: 'kuvert/known-device/1',
  signInTry: 'kuvert/sign-in-try/1',
  invitationCode: 'kuvert/invitation-code/1',
  recoveryCode: 'kuvert/recovery-code/1',
  browserCode: 'kuvert/browser-code/1',
  integrationKey: 'kuvert/integration-key/1',
  idempotencyKey: 'kuvert/idempotency-key/1',
  approvalPayload: 'kuvert/approval-payload/1',
  rowVersion: 'kuvert/row-version/1',
  // Operator access
  operatorRequest: 'kuvert/operator-request/1',
} as const;

/** The name of a registered use. */
export type Label = keyof typeof LABELS;
