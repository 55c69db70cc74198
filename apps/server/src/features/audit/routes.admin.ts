/** Operations on audit logs. A tenant's log is read by its own administrators and auditors, the operator's by the operator. */
import { isIP } from 'node:net';
import { type AuditEntryId, KuvertError, type TenantId } from '@kuvert/protocol';
import type { AuditExportFormat } from '@kuvert/protocol/admin';
import { type AdminCaller, defineAdminRoutes, signedIn } from '../../http/admin/admin-routes.ts';
import type { AuditErasure } from './erasure.ts';
import type { AuditProofs } from './proofs.ts';
import type { AuditFilter, AuditReading } from './reading.ts';
import type { AuditRecords, LogName } from './records.ts';
import { isInside } from './stream-connection.ts';
import { type AuditStreams, checkTarget, type StreamSettings } from './streams.ts';

interface Parts {
  readonly reading: AuditReading;
  readonly proofs: AuditProofs;
  readonly records: AuditRecords;
  readonly erasure: AuditErasure;
  readonly streams: AuditStreams;
  /** Whether a log may be sent to a host inside private nets. */
  readonly mayGoInside: (log: LogName, host: string) => boolean;
  /** Awaited before anything is erased. */
  readonly onErasing: (log: LogName, id: string) => Promise<void>;
}

interface SearchQuery {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly object?: string | undefined;
  readonly from?: string | undefined;
  readonly before?: string | undefined;
}

const MEDIA_TYPES = { json: 'application/json', csv: 'text/csv; charset=utf-8; header=present' } as const;

/** @see ADMIN_OPERATIONS */
export function auditAdminRoutes(parts: Parts) {
  const { reading, proofs, records, erasure, streams, mayGoInside, onErasing } = parts;

  async function search(
    log: LogName,
    query: SearchQuery & { order: 'newest' | 'oldest'; limit: number; cursor?: string | undefined },
  ) {
    const { order, limit, cursor } = query;
    // Who looks is recorded too, once for a search and not for each page of it.
    if (cursor === undefined) await records.note([log], { action: 'audit.searched', after: factsOf(query) });
    const page = { order: order === 'newest' ? 'desc' : 'asc', limit, cursor } as const;
    return { result: await reading.search(log, filterOf(query), page) };
  }

  async function checkpoint(log: LogName, query: { size?: number | undefined; since?: number | undefined }) {
    const latest = await proofs.checkpoint(log);
    const { size = latest.size, since } = query;
    const note = size === latest.size ? latest.note : await proofs.checkpointAt(log, size);
    const consistency = since === undefined ? null : await proofs.consistency(log, since, size);
    return {
      result: {
        checkpoint: note,
        size,
        key: reading.keyText(log),
        consistency: consistency?.map((hash) => Buffer.from(hash).toString('hex')) ?? null,
      },
    };
  }

  async function exported(
    log: LogName,
    query: SearchQuery & {
      format: AuditExportFormat;
      start: number;
      limit: number;
      since?: number | undefined;
    },
  ) {
    const { format, start, limit, since } = query;
    await records.note([log], { action: 'audit.exported', after: { ...factsOf(query), format, start } });
    const { file, entries, checkpoint, next } = await reading.exportFrom(log, {
      filter: filterOf(query),
      format,
      start,
      limit,
      since,
    });
    return { result: { mediaType: MEDIA_TYPES[format], file, entries, checkpoint, next } };
  }

  const get = async (log: LogName, entryId: AuditEntryId) => ({ result: await reading.get(log, entryId) });

  async function erase(log: LogName, id: string, caller: AdminCaller | undefined) {
    // What somebody has done is not theirs to blur.
    if (id === signedIn(caller).administratorId) throw new KuvertError('not_allowed');
    await onErasing(log, id);
    await erasure.erase(log, id);
    return { result: undefined };
  }

  async function stream(log: LogName) {
    const state = await streams.state(log);
    if (state === undefined) return { result: { stream: null } };
    const { settings, delivered, waiting, failingSinceMs } = state;
    const failingSince = failingSinceMs === null ? null : new Date(failingSinceMs).toISOString();
    return { result: { stream: { ...settings, delivered, waiting, failingSince } } };
  }

  async function setStream(log: LogName, body: StreamSettings & { from: 'start' | 'now' }) {
    const { from, ...settings } = body;
    checkTarget(settings);
    // A name is looked at again each time it is connected to; an address can be refused at once.
    if (isIP(settings.host) !== 0 && isInside(settings.host) && !mayGoInside(log, settings.host))
      throw new KuvertError('not_allowed');
    await streams.set(log, settings, from);
    return { result: undefined };
  }

  async function stopStream(log: LogName) {
    await streams.stop(log);
    return { result: undefined };
  }

  const of = ({ tenantId }: { tenantId: TenantId }): LogName => tenantId;
  return defineAdminRoutes({
    'audit.search': ({ params, query }) => search(of(params), query),
    'audit.get': ({ params }) => get(of(params), params.auditEntryId),
    'audit.checkpoint': ({ params, query }) => checkpoint(of(params), query),
    'audit.export': ({ params, query }) => exported(of(params), query),
    'audit.stream': ({ params }) => stream(of(params)),
    'audit.set-stream': ({ params, body }) => setStream(of(params), body),
    'audit.stop-stream': ({ params }) => stopStream(of(params)),
    'audit.erase': ({ params, caller }) => erase(of(params), params.id, caller),
    'operator-audit.search': ({ query }) => search('operator', query),
    'operator-audit.get': ({ params }) => get('operator', params.auditEntryId),
    'operator-audit.checkpoint': ({ query }) => checkpoint('operator', query),
    'operator-audit.export': ({ query }) => exported('operator', query),
    'operator-audit.stream': () => stream('operator'),
    'operator-audit.set-stream': ({ body }) => setStream('operator', body),
    'operator-audit.stop-stream': () => stopStream('operator'),
    'operator-audit.erase': ({ params, caller }) => erase('operator', params.id, caller),
  });
}

function filterOf({ actor, action, object, from, before }: SearchQuery): AuditFilter {
  const [fromMs, beforeMs] = [from, before].map((text) =>
    text === undefined ? undefined : Date.parse(text),
  );
  if ([fromMs, beforeMs].some((ms) => Number.isNaN(ms))) throw new KuvertError('bad_request');
  return { actor, action, object, fromMs, beforeMs };
}

function factsOf({ actor, action, object, from, before }: SearchQuery) {
  return { actor, action, object, from, before };
}
