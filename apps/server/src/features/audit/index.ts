/** The door of `audit`. */
import type { Clock, Random } from '../../clock.ts';
import type { Store } from '../../store/index.ts';
import { AuditWriter } from './records.ts';

export { auditCollections } from './collections.ts';
export type { AuditEvent, Facts } from './drafts.ts';
export { type AuditRecords, type LogName, logsOf } from './records.ts';

/** Wires the feature. */
export function createAuditFeature(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}) {
  const records = new AuditWriter({ ...deps, onPending: () => undefined });
  return { records };
}
