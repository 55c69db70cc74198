/** The door of `audit`. */
import type { Recorded } from '../../acting.ts';
import type { Clock, Random } from '../../clock.ts';
import type { Store } from '../../store/index.ts';
import { auditCollections as tables } from './collections.ts';
import { AuditErasure, type AuditTerms } from './erasure.ts';
import { loadLogKey, logKeys } from './log-keys.ts';
import { AuditProofs } from './proofs.ts';
import { AuditReading } from './reading.ts';
import { AuditWriter, type LogName } from './records.ts';
import { auditAdminRoutes } from './routes.admin.ts';
import { Sequencer } from './sequencer.ts';
import { AuditStreams } from './streams.ts';

export { type AuditRecords, type LogName, logsOf } from './records.ts';

/** Every handle of this feature, for the opening of the store. */
export const auditCollections = [...tables, logKeys] as const;

/** Wires the feature. */
export async function createAuditFeature(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** Numbering entries failed; it is tried again. */
  readonly onError: (error: unknown) => void;
  readonly onNumbered: (count: number) => void;
  /** A delivery to a collector has arrived, or not. */
  readonly onStreamed: (outcome: { readonly delivered: number } | { readonly error: unknown }) => void;
  /** What a log says of somebody is about to be erased; awaited first, so that from then on no restore brings it back. */
  readonly onErasing: (log: LogName, id: string) => Promise<void>;
  /** Hosts inside private nets to which tenants may stream too. */
  readonly streamHosts: readonly string[];
  readonly terms: AuditTerms;
}) {
  const key = await loadLogKey(deps.store, deps.clock);
  const records: AuditWriter = new AuditWriter({ ...deps, onPending: (log) => sequencer.notice(log) });
  const sequencer: Sequencer = new Sequencer({
    store: deps.store,
    forward: (log) => records.forward(log),
    onError: deps.onError,
    onNumbered: (log, count) => {
      deps.onNumbered(count);
      streams.notice(log);
    },
  });
  // The operator may send where they like; tenants only to the world outside, or to hosts that the operator has named.
  const mayGoInside = (log: LogName, host: string) => log === 'operator' || deps.streamHosts.includes(host);
  const streams = new AuditStreams({ ...deps, records, mayGoInside, onOutcome: deps.onStreamed });
  const proofs = new AuditProofs({ store: deps.store, key, sequencer });
  const reading = new AuditReading({ store: deps.store, proofs, key });
  const erasure = new AuditErasure({ ...deps, records });
  // What a server that is gone left without a number.
  sequencer.notice('operator');
  return {
    records,
    proofs,
    reading,
    erasure,
    streams,
    adminRoutes: auditAdminRoutes({
      ...{ reading, proofs, records, erasure, streams, mayGoInside },
      onErasing: deps.onErasing,
    }),
    promiseFor: (recorded: readonly Recorded[]) => proofs.promiseFor(recorded),
    /** Does for a log what is to be done now and then: numbers what a server that died has left, removes up to `limit` of each kind of what is over. @returns how many */
    async sweep(log: LogName, limit: number): Promise<number> {
      await sequencer.sequence(log);
      streams.notice(log);
      return (await erasure.deleteAddresses(log, limit)) + (await erasure.deleteEntries(log, limit));
    },
    sequence: (log: LogName) => sequencer.sequence(log),
    async stop(): Promise<void> {
      await sequencer.stop();
      await streams.close();
    },
  };
}
