/** The audit logs: of a tenant for its administrators and auditors, of the installation for the operator. The operations are the same. */
import { z } from 'zod';
import { cursor, idSchema } from '../schemas.ts';
import { AUDIT_EXPORT_FORMATS } from './audit-export.ts';
import { EXAMPLE_HASH, type OperationAccess, operation } from './operation.ts';

/** Sizes of pages and files. */
export const AUDIT_LIMITS = { pageEntries: 500, fileEntries: 5_000 } as const;

const time = z.iso.datetime();
const party = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/);
const position = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);
const facts = z.record(z.string(), z.unknown()).nullable();

const Entry = z.object({
  entryId: idSchema('auditEntry'),
  /** Its number in the tree; null for at most a minute. */
  index: z.int().nullable(),
  time,
  action: z.string(),
  outcome: z.enum(['done', 'refused']),
  actor: party,
  /** What the actor is called; null for a program, and once it is erased. */
  actorName: z.string().nullable(),
  object: party.nullable(),
  objectName: z.string().nullable(),
  via: z.string().nullable(),
  requestId: z.string().nullable(),
  /** Null once its time is over. */
  address: z.string().nullable(),
  before: facts,
  after: facts,
});
/** An entry as people read it. */
export type AuditEntryView = z.input<typeof Entry>;

/** Where a log is streamed to. */
const StreamTarget = z.object({
  host: z.string().regex(/^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?$/),
  port: z.int().min(1).max(65_535),
  format: z.enum(['rfc5424', 'cef']),
  /** PEM of the authorities that may have signed the collector's certificate; null for the usual ones. */
  ca: z.string().max(20_000).nullable(),
});
const StreamState = StreamTarget.extend({
  delivered: z.int(),
  waiting: z.int(),
  failingSince: time.nullable(),
});

/** What one may look for; all of it together. */
const Search = z.object({
  actor: party.optional(),
  action: z
    .string()
    .regex(/^[a-z][a-z0-9.-]{0,63}$/)
    .optional(),
  object: party.optional(),
  /** From this time on. */
  from: time.optional(),
  /** Before this time. */
  before: time.optional(),
});

const exampleEntry = {
  entryId: 'au_…',
  index: 17,
  time: '2026-01-02T08:00:00.000Z',
  action: 'person.added',
  outcome: 'done',
  actor: 'ad_…',
  actorName: 'Anna',
  object: 'pe_…',
  objectName: 'Ben',
  via: 'people.create',
  requestId: '…',
  address: '192.0.2.7',
  before: null,
  after: { name: 'Ben' },
};

function operationsOf<P extends z.ZodObject, E extends z.ZodObject, I extends z.ZodObject>(settings: {
  readonly path: string;
  readonly whose: string;
  readonly params: P;
  readonly entryParams: E;
  readonly idParams: I;
  readonly access: OperationAccess;
  readonly erase: OperationAccess;
  readonly stream: OperationAccess;
  readonly example: Readonly<Record<string, string>>;
}) {
  const { path, whose, params, entryParams, idParams, access, erase, stream, example } = settings;
  return {
    search: operation({
      method: 'GET',
      path: `${path}/entries`,
      summary: `Searches the audit log ${whose} by who, what, on whom and when. A page may have fewer entries than asked for, also none, and still a next one.`,
      access,
      params,
      query: Search.extend({
        order: z.enum(['newest', 'oldest']).default('newest'),
        limit: z.coerce.number().int().min(1).max(AUDIT_LIMITS.pageEntries).default(100),
        cursor: cursor.optional(),
      }),
      result: z.object({ entries: z.array(Entry), next: z.string().nullable() }),
      example: {
        params: example,
        query: { action: 'person.added', limit: 10 },
        result: { entries: [exampleEntry], next: null },
      },
    }),
    get: operation({
      method: 'GET',
      path: `${path}/entries/{auditEntryId}`,
      summary: `Gets one entry of the audit log ${whose} with the proof that it is in the log, as an export of one entry.`,
      access,
      params: entryParams,
      result: z.object({ entry: Entry, export: z.string() }),
      example: {
        params: { ...example, auditEntryId: 'au_…' },
        result: { entry: exampleEntry, export: '{"format":"kuvert-audit-export/1",…' },
      },
    }),
    checkpoint: operation({
      method: 'GET',
      path: `${path}/checkpoint`,
      summary: `Gets a signed checkpoint (C2SP) of the audit log ${whose} that has everything recorded so far, or that of an earlier size, and on request the proof that it goes on from a still earlier one. Keep one elsewhere: with it a cut-off or rewritten log is found.`,
      access,
      params,
      query: z.object({ size: position.optional(), since: position.optional() }),
      result: z.object({
        checkpoint: z.string(),
        size: z.int(),
        /** C2SP verifier key. Note it down once, outside of this server. */
        key: z.string(),
        consistency: z.array(hex).nullable(),
      }),
      example: {
        params: example,
        query: { since: 12 },
        result: {
          checkpoint: 'kuvert/audit/tn_…\n18\nYWJj…\n\n— kuvert/audit/tn_… 1iYO…\n',
          size: 18,
          key: 'kuvert/audit/tn_…+d6260e18+AQID…',
          consistency: [EXAMPLE_HASH],
        },
      },
    }),
    export: operation({
      method: 'GET',
      path: `${path}/export`,
      summary: `Exports the audit log ${whose}, whole or what a search finds, as a file that \`kuvert verify\` checks offline. More than ${AUDIT_LIMITS.fileEntries} entries become several files: go on with \`next\` as \`start\`.`,
      access,
      params,
      query: Search.extend({
        format: z.enum(AUDIT_EXPORT_FORMATS).default('json'),
        /** First place in the log. */
        start: position.default(0),
        limit: z.coerce.number().int().min(1).max(AUDIT_LIMITS.fileEntries).default(AUDIT_LIMITS.fileEntries),
        /** Size of a checkpoint from earlier, to prove that the log goes on from it. */
        since: position.optional(),
      }),
      result: z.object({
        mediaType: z.string(),
        file: z.string(),
        entries: z.int(),
        checkpoint: z.string(),
        next: z.int().nullable(),
      }),
      example: {
        params: example,
        query: { format: 'csv', limit: 100 },
        result: {
          mediaType: 'text/csv',
          file: 'index,time,action,outcome,actor,…',
          entries: 100,
          checkpoint: 'kuvert/audit/tn_…\n118\nYWJj…\n\n— kuvert/audit/tn_… 1iYO…\n',
          next: 100,
        },
      },
    }),
    stream: operation({
      method: 'GET',
      path: `${path}/stream`,
      summary: `Says where the audit log ${whose} is streamed to, how far, and how much waits.`,
      access: stream,
      params,
      result: z.object({ stream: StreamState.nullable() }),
      example: { params: example, result: { stream: null } },
    }),
    setStream: operation({
      method: 'PUT',
      path: `${path}/stream`,
      summary: `Streams the audit log ${whose} to a collector: syslog (RFC 5424) or CEF over TLS (RFC 5425). While the collector is away entries wait, and none is lost; one that may arrive twice says so. Goes on where it was when only the collector changes.`,
      access: stream,
      stepUp: true,
      params,
      body: StreamTarget.extend({ from: z.enum(['start', 'now']).default('now') }),
      example: {
        params: example,
        body: { host: 'siem.acme.test', port: 6514, format: 'rfc5424', ca: null },
      },
    }),
    stopStream: operation({
      method: 'DELETE',
      path: `${path}/stream`,
      summary: `Streams the audit log ${whose} no more.`,
      access: stream,
      stepUp: true,
      params,
      example: { params: example },
    }),
    erase: operation({
      method: 'DELETE',
      path: `${path}/identities/{id}`,
      summary: `Erases what the audit log ${whose} says of somebody beyond the id: name, and what was before and after. The entries stay, and every proof goes on to hold.`,
      access: erase,
      stepUp: true,
      params: idParams,
      example: { params: { ...example, id: 'pe_…' } },
    }),
  };
}

const auditEntryId = idSchema('auditEntry');
const tenantId = idSchema('tenant');
const id = z.string().regex(/^(?:pe|ad)_[0-9a-z]{29}$/);

const tenant = operationsOf({
  path: '/tenants/{tenantId}/audit',
  whose: 'of a tenant',
  params: z.object({ tenantId }),
  entryParams: z.object({ tenantId, auditEntryId }),
  idParams: z.object({ tenantId, id }),
  access: 'audit.read',
  erase: 'audit.erase',
  stream: 'audit.stream',
  example: { tenantId: 'tn_…' },
});
const installation = operationsOf({
  path: '/audit',
  whose: 'of the installation',
  params: z.object({}),
  entryParams: z.object({ auditEntryId }),
  idParams: z.object({ id }),
  access: 'operator-audit.read',
  erase: 'operator-audit.erase',
  stream: 'operator-audit.stream',
  example: {},
});

/** @see ADMIN_OPERATIONS */
export const auditOperations = {
  'audit.search': tenant.search,
  'audit.get': tenant.get,
  'audit.checkpoint': tenant.checkpoint,
  'audit.export': tenant.export,
  'audit.stream': tenant.stream,
  'audit.set-stream': tenant.setStream,
  'audit.stop-stream': tenant.stopStream,
  'audit.erase': tenant.erase,
  'operator-audit.search': installation.search,
  'operator-audit.get': installation.get,
  'operator-audit.checkpoint': installation.checkpoint,
  'operator-audit.export': installation.export,
  'operator-audit.stream': installation.stream,
  'operator-audit.set-stream': installation.setStream,
  'operator-audit.stop-stream': installation.stopStream,
  'operator-audit.erase': installation.erase,
} as const;
