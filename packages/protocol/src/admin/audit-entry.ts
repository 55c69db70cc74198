/**
 * One entry of an audit log, as its leaf commits to it. Who and on whom are ids, which say nothing once the names behind them are erased; addresses and the state before and after
 * stand beside the entry under commitments of their own, so that each can be destroyed in its time while the entry goes on to verify.
 */
import { z } from 'zod';
import { type CborValue, decodeCbor, encodeCbor } from '../cbor.ts';
import { bytesSchema, idSchema, timeMs } from '../schemas.ts';

/** What is recorded, with what it means. The operations of the API, which say through which door it came, are `via`. */
export const AUDIT_ACTIONS = {
  'tenant.created': 'A tenant was created.',
  'tenant.suspended': 'A tenant was suspended.',
  'tenant.resumed': 'A tenant may go on.',
  'person.locked': 'A person was locked out.',
  'person.unlocked': 'A person was let in again.',
  'person.erased': 'A person was erased.',
  'person.added': 'A person was added.',
  'token.created': 'An enrolment token was made for a person.',
  'device.enrolled': 'A device enrolled with a token.',
  'device.linked': 'A device was linked by another of the same person.',
  'device.revoked': 'A device was revoked, by an administrator or by another of the same person.',
  'account.reset': 'A person began anew, with a device that took the place of all others.',
  'account.renewed': 'A person’s devices have renewed their account key.',
  'mailbox.peeked': 'The operator was shown sealed envelopes of a device.',
  'keys.rotated': 'The wrapping key of the installation was changed.',
  'set-up.code-made': 'A start without an operator printed a set-up code.',
  'administrator.created': 'Somebody became an administrator.',
  'sign-in.done': 'An administrator signed in.',
  'sign-in.refused': 'A sign-in was refused.',
  'factor.reset':
    'Somebody may choose password and second factor anew, with a code that another administrator was shown.',
  'factor.renewed': 'An administrator chose password and second factor anew.',
  'password.changed': 'An administrator chose another password.',
  'password.refused': 'An administrator who wanted to choose another password showed a wrong one.',
  'authenticator.changed': 'An administrator replaced their authenticator app.',
  'recovery-codes.renewed':
    'An administrator drew new recovery codes; those of before are void from then on.',
  'passkey.added': 'An administrator added a passkey.',
  'passkey.removed': 'An administrator removed a passkey.',
  'session.ended': 'A session was ended.',
  'step-up.done': 'A second factor was shown again.',
  'step-up.refused': 'A second factor shown again was wrong.',
  'authorisation.refused': 'Somebody asked for what they may not do.',
  'tenant.changed': 'Name or settings of a tenant were changed.',
  'person.changed': 'Name or address of a person was changed.',
  'pool.created': 'A pool was made.',
  'pool.changed': 'Name or features of a pool were changed.',
  'pool.joined': 'A person was put into a pool.',
  'pool.left': 'A person was taken out of a pool.',
  'sign-in-rules.changed': 'It was set from where and how administrators come in.',
  'invitation.made': 'Somebody was invited to administer.',
  'invitation.withdrawn': 'An invitation was withdrawn.',
  'role.given': 'A role was given.',
  'role.taken': 'A role was taken.',
  'integration.created': 'A key for a program was made.',
  'integration.revoked': 'The key of a program was revoked.',
  'approval.requested': 'Something was asked for that takes two.',
  'approval.decided': 'Somebody decided on what another has asked for.',
  'approval.expired': 'Nobody decided in time on what somebody had asked for.',
  'break-glass.invited': 'Who holds the operator key made an invitation past the API.',
  'audit.searched': 'Somebody searched this log.',
  'audit.exported': 'Somebody exported this log.',
  'stream.changed': 'Where this log is streamed to was set.',
  'stream.stopped': 'This log is streamed no more.',
  'identity.erased': 'What this log said of somebody beyond the id was destroyed.',
  'addresses.deleted': 'Addresses whose time was over were deleted.',
  'entries.deleted': 'Entries whose term was over were deleted; their leaves stay.',
  'operation.done': 'An operation that left no record of its own was carried out.',
} as const;
export type AuditAction = keyof typeof AUDIT_ACTIONS;

const commitment = bytesSchema(32).nullable();
/** Ids, or one of the few words for those who have none: `system`, `operator-key`, `nobody`. */
const party = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/);

/** @see the head of this file */
export const AuditEntry = z.object({
  v: z.literal(1),
  entryId: idSchema('auditEntry'),
  at: timeMs,
  action: z.string().regex(/^[a-z][a-z0-9.-]{0,63}$/),
  outcome: z.enum(['done', 'refused']),
  actor: party,
  object: party.nullable(),
  /** The operation of the API or the call through which it came; null for what the server did by itself. */
  via: z.string().max(64).nullable(),
  requestId: z.string().max(64).nullable(),
  /** Commitment to where it came from. */
  origin: commitment,
  /** Commitment to what was before and after. */
  detail: commitment,
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** The bytes that a leaf is made of. */
export function encodeAuditEntry(entry: AuditEntry): Uint8Array<ArrayBuffer> {
  return encodeCbor(entry as CborValue);
}

/** Reads an entry whose leaf was verified. @throws InvalidCborError, ZodError */
export function decodeAuditEntry(bytes: Uint8Array): AuditEntry {
  return AuditEntry.parse(decodeCbor(bytes));
}
