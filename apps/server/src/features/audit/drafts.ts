/** From something that happened to the rows of its entry. */
import {
  leafHash,
  newLeafSalt,
  partCommitment,
  type SaltedEntry,
  saltedLeaf,
} from '@kuvert/crypto/transparency';
import {
  type AuditEntryId,
  bytesSchema,
  type CborValue,
  decodeCbor,
  encodeCbor,
  idSchema,
  makeTimedId,
  timeMs,
} from '@kuvert/protocol';
import { type AuditAction, encodeAuditEntry } from '@kuvert/protocol/admin';
import { z } from 'zod';
import type { Acting } from '../../acting.ts';
import type { Clock, Random } from '../../clock.ts';
import type { CommitOps, Tx } from '../../store/index.ts';
import type { AuditTables } from './collections.ts';

/** Fields of something before or after. Sealed at rest, for the one it is about. */
export type Facts = { readonly [field: string]: CborValue | undefined };

/** Something that is to be recorded. Who did it and from where is known already (acting.ts). */
export interface AuditEvent {
  readonly action: AuditAction;
  /** Who did it, where the request itself did not say: whoever signs in is nobody until then. */
  readonly actor?: Acting['actor'];
  /** Id of the one it is done to. */
  readonly object?: string | undefined;
  /** What the object is called, if it is somebody. */
  readonly objectName?: string | undefined;
  /** Default `done`. */
  readonly outcome?: 'done' | 'refused';
  readonly before?: Facts;
  readonly after?: Facts;
}

const bytes = bytesSchema({ min: 1, max: 65_536 });
const DraftSchema = z.object({
  entryId: idSchema('auditEntry'),
  at: timeMs,
  action: z.string(),
  actor: z.string(),
  object: z.string().nullable(),
  salt: bytesSchema(32),
  entry: bytes,
  about: z.string(),
  detail: bytes.nullable(),
  origin: bytes.nullable(),
  names: z.array(z.object({ id: z.string(), name: z.string() })).max(2),
});
/** An entry with all that stands beside it, before it is anywhere. */
export type Draft = z.infer<typeof DraftSchema>;

/** A part of an entry with its salt, as it is kept. */
const Part = z.object({ salt: bytesSchema(32), bytes: bytesSchema({ min: 0, max: 65_536 }) });

/** People and administrators have a key of their own, which can be destroyed for them. */
const HAS_KEY = /^(?:pe|ad)_/;
/** The key of the whole space. */
const OWN = 'tenant';
const NAME_CHARACTERS = 300;

/** Makes the entry of an event. */
export function draftOf(event: AuditEvent, acting: Acting, deps: { clock: Clock; random: Random }): Draft {
  const { action, object = null, outcome = 'done', before, after } = event;
  const { address, via = null, requestId = null } = acting;
  const { actor = acting.actor } = event;
  const at = deps.clock.nowMs();
  const entryId = newEntryId(at, deps.random);
  const hasDetail = before !== undefined || after !== undefined;
  const detail = hasDetail ? salted(encodeCbor({ before, after })) : undefined;
  const origin = address === undefined ? undefined : salted(encodeCbor({ address }));
  const entry = encodeAuditEntry({
    v: 1,
    entryId,
    at,
    action,
    outcome,
    actor,
    object,
    via,
    requestId,
    origin: origin === undefined ? null : partCommitment(origin),
    detail: detail === undefined ? null : partCommitment(detail),
  });
  return {
    entryId,
    at,
    action,
    actor,
    object,
    salt: newLeafSalt(),
    entry,
    about: object === null ? OWN : keyOf(object),
    detail: detail === undefined ? null : encodePart(detail),
    origin: origin === undefined ? null : encodePart(origin),
    names: namesOf([
      [actor, actor === acting.actor ? acting.actorName : undefined],
      [object, event.objectName],
    ]),
  };
}

function namesOf(pairs: readonly (readonly [string | null, string | undefined])[]): Draft['names'] {
  return pairs.flatMap(([id, name]) =>
    id === null || name === undefined ? [] : [{ id, name: name.slice(0, NAME_CHARACTERS) }],
  );
}

/** The name of the key that seals what an entry says about somebody. */
export function keyOf(id: string): string {
  return HAS_KEY.test(id) ? `audit/${id}` : OWN;
}

let last = { at: 0, count: 0 };

/** Behind the time a counter, so that what one server does within a millisecond stands in its order. */
function newEntryId(at: number, random: Random): AuditEntryId {
  last = { at, count: last.at === at ? (last.count + 1) % 0x10000 : 0 };
  const rest = random(10);
  new DataView(rest.buffer, rest.byteOffset).setUint16(0, last.count);
  return makeTimedId('auditEntry', at, rest);
}

/** Hash of the leaf that an entry has in the tree. */
export function leafOf(draft: Pick<Draft, 'salt' | 'entry'>): Uint8Array<ArrayBuffer> {
  return leafHash(saltedLeaf(draft));
}

/** Writes an entry; from the commit on it waits for its place in the tree. */
export function putDraft(
  tx: Pick<Tx<'tenant'>, 'insert' | 'put' | 'apply'>,
  tables: AuditTables,
  ops: CommitOps,
  draft: Draft,
): void {
  const { entryId, at, action, actor, object, salt, entry, about, detail, origin, names } = draft;
  tx.insert(tables.entries, { entryId, at, action, actor, object, salt, entry });
  if (detail !== null) tx.insert(tables.details, { entryId, about, detail });
  for (const { id, name } of names) tx.put(tables.identities, { id, about: keyOf(id), name });
  if (origin !== null) tx.insert(tables.origins, { entryId, origin });
  tx.apply(ops.insert(tables.pending, [entryId as AuditEntryId], leafOf(draft)));
}

/** A draft as bytes, for one that has to travel. */
export function encodeDraft(draft: Draft): Uint8Array<ArrayBuffer> {
  return encodeCbor(draft as CborValue);
}

/** @throws ZodError, InvalidCborError */
export function decodeDraft(encoded: Uint8Array): Draft {
  return DraftSchema.parse(decodeCbor(encoded));
}

function salted(plain: Uint8Array): SaltedEntry {
  return { salt: newLeafSalt(), entry: plain };
}

function encodePart({ salt, entry }: SaltedEntry): Uint8Array<ArrayBuffer> {
  return encodeCbor({ salt, bytes: entry });
}

/** A part as it was kept. @throws ZodError, InvalidCborError */
export function decodePart(encoded: Uint8Array): SaltedEntry {
  const part = Part.parse(decodeCbor(encoded));
  return { salt: part.salt, entry: part.bytes };
}
