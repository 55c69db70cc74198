/**
 * What is stored of an audit log, once for each tenant and once for the operator. An entry is committed with what it is about and waits in `pending` until the
 * sequencer gives it its place in the tree; the tree itself holds hashes only and is never pruned.
 */
import { type AuditEntryId, bytesSchema, idFromBytes, idSchema, idToBytes, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import {
  binaryCollection,
  collection,
  idPart,
  integerPart,
  type ScopeKind,
  type TenantScope,
} from '../../store/index.ts';

const HASH_BYTES = 32;
const party = z.string().max(64);

const headCodec = {
  encode({ size, edge }: { size: number; edge: readonly Uint8Array[] }): Uint8Array {
    const bytes = new Uint8Array(8 + edge.length * HASH_BYTES);
    new DataView(bytes.buffer).setFloat64(0, size);
    for (const [i, hash] of edge.entries()) bytes.set(hash, 8 + i * HASH_BYTES);
    return bytes;
  },
  decode(bytes: Uint8Array) {
    const edge: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 8; at < bytes.length; at += HASH_BYTES)
      edge.push(Uint8Array.from(bytes.subarray(at, at + HASH_BYTES)));
    return { size: new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0), edge };
  },
};

const numberCodec = {
  encode(value: number): Uint8Array {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value);
    return bytes;
  },
  decode: (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0),
};

function tablesOf<const S extends ScopeKind>(scope: S, prefix: string) {
  return {
    /** Entries in order of time. `entry` is `encodeAuditEntry`; the fields beside it are there to be looked for. */
    entries: collection(`${prefix}entries`, {
      scope,
      document: z.object({
        entryId: idSchema('auditEntry'),
        at: timeMs,
        action: party,
        actor: party,
        object: party.nullable(),
        salt: bytesSchema(HASH_BYTES),
        entry: bytesSchema({ min: 1, max: 2_048 }),
      }),
      key: ['entryId'],
      indexes: {
        byTime: ['at'],
        byAction: ['action', 'at'],
        byActor: ['actor', 'at'],
        byObject: ['object', 'at'],
      },
    }),
    /** What was before and after, sealed for whom it is about. */
    details: collection(`${prefix}details`, {
      scope,
      document: z.object({
        entryId: idSchema('auditEntry'),
        /** Whose key seals it: `audit/` and an id, or `tenant`. */
        about: party,
        detail: bytesSchema({ min: 1, max: 65_536 }),
      }),
      key: ['entryId'],
      indexes: { byAbout: ['about'] },
      sealed: { detail: { subject: 'about' } },
    }),
    /** Names behind ids, each under a key of its own, so that destroying the key erases somebody. */
    identities: collection(`${prefix}identities`, {
      scope,
      document: z.object({ id: party, about: party, name: z.string().min(1).max(300) }),
      key: ['id'],
      sealed: { name: { subject: 'about' } },
    }),
    /** Addresses. They go long before the entry, in order of their ids, which begin with the time (`erasure.ts`). */
    origins: collection(`${prefix}origins`, {
      scope,
      document: z.object({
        entryId: idSchema('auditEntry'),
        origin: bytesSchema({ min: 1, max: 512 }),
      }),
      key: ['entryId'],
      sealed: ['origin'],
    }),
    /** Where the log is streamed to, and how far; one row, `main`. */
    streams: collection(`${prefix}streams`, {
      scope,
      document: z.object({
        name: z.literal('main'),
        host: z.string().max(253),
        port: z.int(),
        ca: z.string().max(20_000).nullable(),
        format: z.enum(['rfc5424', 'cef']),
        /** Everything before this place was delivered. */
        position: z.int(),
        /** Everything before this place was sent, perhaps. */
        sentUpTo: z.int(),
        failingSince: timeMs.nullable(),
        /** Which server is at it. */
        leaseBy: z.string().nullable(),
        leaseUntil: timeMs,
      }),
      key: ['name'],
      sealed: ['host', 'ca'],
    }),
    /** Hashes of leaves that have no place in the tree yet. */
    pending: binaryCollection(`${prefix}pending`, { scope, key: [idPart('auditEntry')] }),
    /** One row, 0: how far the tree goes. */
    heads: binaryCollection(`${prefix}heads`, { scope, key: [integerPart()], codec: headCodec }),
    /** Roots of whole subtrees, by level and index. */
    nodes: binaryCollection(`${prefix}nodes`, { scope, key: [integerPart(), integerPart()] }),
    /** Which entry has which place in the tree. */
    places: binaryCollection(`${prefix}places`, {
      scope,
      key: [integerPart()],
      codec: {
        encode: (entryId: AuditEntryId) => idToBytes(entryId),
        decode: (bytes: Uint8Array) => idFromBytes('auditEntry', bytes),
      },
    }),
    /** The same the other way round. */
    placeOf: binaryCollection(`${prefix}place-of`, {
      scope,
      key: [idPart('auditEntry')],
      codec: numberCodec,
    }),
  };
}

/** Tables of a tenant's log. */
export type AuditTables = ReturnType<typeof tablesOf<'tenant'>>;

const tenantTables = tablesOf('tenant', 'audit-');
const operatorTables = tablesOf('operator', 'operator-audit-');

/** Entries for tenants' logs that were committed with something of the operator's; they are on their way. */
export const forwards = collection('audit-forwards', {
  scope: 'operator',
  document: z.object({
    entryId: idSchema('auditEntry'),
    tenantId: idSchema('tenant'),
    /** CBOR of a draft. */
    draft: bytesSchema({ min: 1, max: 70_000 }),
  }),
  key: ['tenantId', 'entryId'],
  sealed: ['draft'],
});

/** A scope without saying whose. */
export type LogScope = Omit<TenantScope, 'tenant'>;

/** Tables of the operator's log. They have the shape of a tenant's and are told apart by the types of the store alone, so the cast is made here once. */
export const OPERATOR_TABLES = operatorTables as unknown as AuditTables;
export const TENANT_TABLES = tenantTables;

/** Every handle of this feature, for the opening of the store. */
export const auditCollections = [
  ...Object.values(tenantTables),
  ...Object.values(operatorTables),
  forwards,
] as const;
