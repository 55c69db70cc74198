/**
 * What goes from an audit log before the log itself: names and states of somebody who is to be erased, addresses after their time, entries after their term. Leaves and tree stay, and
 * each deletion is itself an entry, with which somebody can prove that and when it was done.
 */
import { createHash } from 'node:crypto';
import { type AuditEntryId, idToBytes, makeTimedId } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import type { Store, Tx } from '../../store/index.ts';
import { keyOf } from './drafts.ts';
import { placeOfLog } from './logs.ts';
import type { AuditRecords, LogName } from './records.ts';

/** How long what stands in audit logs is kept, in milliseconds. */
export interface AuditTerms {
  /** Addresses; at most half a year (F9). */
  readonly addressMs: number;
  readonly entryMs: number;
}
/** Rows of one commit. */
const AT_ONCE = 200;

/** @see the head of this file */
export class AuditErasure {
  readonly #store: Store;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #records: AuditRecords;
  readonly #terms: AuditTerms;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly records: AuditRecords;
    readonly terms: AuditTerms;
  }) {
    this.#terms = deps.terms;
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#records = deps.records;
  }

  /** Destroys what a log says of somebody beyond the id. May be repeated. */
  async erase(log: LogName, id: string): Promise<void> {
    const { scope, tables } = placeOfLog(this.#store, log);
    const about = keyOf(id);
    // Told first, so that nothing is ever gone without it; a crash in between leaves the rest for another try.
    await scope.write((tx) => {
      tx.delete(tables.identities, id);
      this.#record(tx, log, { action: 'identity.erased', object: id });
    });
    for (;;) {
      const { rows } = await scope.list(tables.details, {
        index: 'byAbout',
        equals: [about],
        limit: AT_ONCE,
      });
      if (rows.length === 0) break;
      await scope.write((tx) => {
        for (const { entryId } of rows) tx.delete(tables.details, entryId);
      });
    }
    await scope.write((tx) => {
      // Somebody may have done something meanwhile.
      tx.delete(tables.identities, id);
      tx.destroyKey(about);
    });
  }

  /** Deletes up to `limit` addresses whose time is over, and records which. @returns how many */
  async deleteAddresses(log: LogName, limit = AT_ONCE): Promise<number> {
    const { scope, tables } = placeOfLog(this.#store, log);
    const before = this.#clock.nowMs() - this.#terms.addressMs;
    // Ids begin with the time, so a term that was made shorter holds for what is there already.
    const first = makeTimedId('auditEntry', before + 1, new Uint8Array(10));
    const { rows } = await scope.list(tables.origins, { before: first, limit });
    if (rows.length === 0) return 0;
    const ids = rows.map(({ entryId }) => entryId);
    await scope.write((tx) => {
      for (const entryId of ids) tx.delete(tables.origins, entryId);
      this.#record(tx, log, { action: 'addresses.deleted', after: certificateOf(ids, before) });
    });
    return ids.length;
  }

  /** Deletes up to `limit` entries whose term is over, with all that stands beside them, and records which. Their leaves stay. @returns how many */
  async deleteEntries(log: LogName, limit = AT_ONCE): Promise<number> {
    const { scope, tables } = placeOfLog(this.#store, log);
    const before = this.#clock.nowMs() - this.#terms.entryMs;
    const { rows } = await scope.list(tables.entries, { index: 'byTime', before, limit });
    const ids: AuditEntryId[] = [];
    // One without a number has no leaf yet that could stay.
    for (const { entryId } of rows)
      if ((await scope.find(tables.placeOf, entryId)) !== undefined) ids.push(entryId);
    if (ids.length === 0) return 0;
    await scope.write((tx) => {
      for (const entryId of ids) {
        tx.delete(tables.entries, entryId);
        tx.delete(tables.details, entryId);
        tx.delete(tables.origins, entryId);
      }
      this.#record(tx, log, { action: 'entries.deleted', after: certificateOf(ids, before) });
    });
    return ids.length;
  }

  #record(tx: Tx<'tenant'>, log: LogName, event: Parameters<AuditRecords['inTenant']>[2]): void {
    if (log === 'operator') this.#records.inOperator(tx as unknown as Tx<'operator'>, [log], event);
    else this.#records.inTenant(tx, log, event);
  }
}

/** What is recorded of a deletion: how many, between which entries, and a hash by which a list of them can be recognised. */
function certificateOf(ids: readonly AuditEntryId[], atMs: number) {
  const sorted = [...ids].sort();
  const hash = createHash('sha256');
  for (const id of sorted) hash.update(idToBytes(id));
  return {
    count: ids.length,
    first: sorted[0] as string,
    last: sorted.at(-1) as string,
    sha256: hash.digest('hex'),
    dueBefore: new Date(atMs).toISOString(),
  };
}
