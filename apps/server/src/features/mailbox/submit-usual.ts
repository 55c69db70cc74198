/**
 * The usual submit: of one leg, to somebody with one device, with everything known that it takes. It is decided as any other, but without waiting
 * for anything before the commit, and without lists and functions that several legs need: the pieces that such waits keep in memory were a
 * tenth of the event loop's time for a message (docs/benchmarks.md).
 */
import { type Leg, LIFETIME_MS, type PersonId, type Submit } from '@kuvert/protocol';
import type { Connection } from '../../channel/connection.ts';
import type { Accepted } from '../../channel/routes.ts';
import type { Clock } from '../../clock.ts';
import type { CommitOp, CommitOutcome, Store, TenantScope } from '../../store/index.ts';
import type { DeviceDirectory } from '../devices/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import { mailboxRows, submitRecords } from './collections.ts';
import type { FreshRow } from './delivery.ts';
import type { Entry, RefusedFirst } from './refused-first.ts';
import { legRecord, type RowIds, rowFromRecord } from './rows.ts';
import { fitsOneDevice } from './submit-fit.ts';
import type { Turn } from './submit-order.ts';
import { checkSubmitTime, encodeRecord, type RecordKeys, requestHash, submitIdIn } from './submit-records.ts';
import type { Usage } from './usage.ts';

/** A leg as it is stored and handed over. */
export interface PreparedLeg {
  readonly deviceId: Leg['device'];
  readonly storedKey: Uint8Array;
  readonly record: Uint8Array;
  readonly row: Uint8Array;
}

/** Gives a leg its place behind all before it. @param parts.device the 17 bytes of its device's id */
export function prepareLeg(
  rowIds: Pick<RowIds, 'nextKey'>,
  parts: {
    readonly submit: Submit;
    readonly leg: Leg;
    readonly device: Uint8Array;
    readonly nowMs: number;
  },
): PreparedLeg {
  const { submit, leg, device, nowMs } = parts;
  const times = { acceptedAtMs: nowMs, expiresAtMs: nowMs + LIFETIME_MS[submit.lifetime] };
  const record = legRecord(submit, leg.bytes, times);
  const storedKey = rowIds.nextKey(device, nowMs);
  return { deviceId: leg.device, storedKey, record, row: rowFromRecord(record) };
}

/** What is known of the device that sends. */
interface Sender {
  readonly scope: TenantScope;
  readonly deviceId: Leg['device'];
  readonly deviceBytes: Uint8Array;
  readonly gate: CommitOp;
  readonly refusedFirst: Pick<RefusedFirst, 'stay'>;
}

/** A usual submit that was handed to the store. */
export interface UsualCommit {
  readonly committing: Promise<CommitOutcome>;
  /** To be called in the first step behind the commit: these run in the order of commits, whoever waits for what in the steps after. */
  handOver(): Accepted;
  /** It was not committed. */
  undo(): void;
}

/** @returns undefined for any other submit, with nothing done */
export type CommitUsual = (
  connection: Connection,
  sender: Sender,
  submit: Submit,
  submitRecord: Uint8Array,
  letIn: { readonly turn: Turn; readonly entry: Entry | undefined },
) => UsualCommit | undefined;

/** @see the top of this file */
export function createUsualCommit(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly directory: Pick<DeviceDirectory, 'peek'>;
  readonly exchange: Pick<ExchangeService, 'requireBetween'>;
  readonly usage: Usage;
  readonly recordKeys: Pick<RecordKeys, 'peek'>;
  readonly rowIds: Pick<RowIds, 'nextKey'>;
  /** Hands a committed row to the device's connection if it has one. */
  readonly push: (scope: TenantScope, deviceId: Leg['device'], row: FreshRow) => void;
}): CommitUsual {
  const { store, clock, directory, exchange, usage, recordKeys, rowIds, push } = deps;
  const { ops } = store;

  return (connection, sender, submit, submitRecord, { turn, entry }) => {
    const { scope } = sender;
    const [leg] = submit.legs;
    // Several servers know less of one another, and what is ephemeral (without an entry) is not stored.
    if (leg === undefined || entry === undefined || store.hints !== undefined || !turn.isNext)
      return undefined;
    // No group is in there.
    const to = submit.to as PersonId;
    const set = directory.peek(scope.tenant, to);
    const device = set?.devices[0];
    if (set === undefined || device === undefined || !fitsOneDevice(set, submit, sender.deviceId))
      return undefined;
    const submitId = submitIdIn(submitRecord);
    const key = recordKeys.peek(scope, sender.deviceBytes, submitId);
    if (key === undefined || !usage.knows(scope.tenant, leg.device)) return undefined;
    const nowMs = clock.nowMs();
    checkSubmitTime(submitId, nowMs);
    exchange.requireBetween(connection.personId, to);
    sender.refusedFirst.stay(submit, entry);
    const { storedKey, record, row } = prepareLeg(rowIds, { submit, leg, device: device.bytes, nowMs });
    if (!usage.reserve(scope.tenant, leg.device, row.length)) return undefined;
    const committing = scope.commit([
      ops.insert(submitRecords, key, encodeRecord(requestHash(submitRecord), nowMs, [])),
      set.gate,
      sender.gate,
      ops.put(mailboxRows, storedKey, row, nowMs + LIFETIME_MS[submit.lifetime]),
    ]);
    turn.done();
    return {
      committing,
      handOver() {
        push(scope, leg.device, { storedKey, record });
        return { acceptedAtMs: nowMs, legs: [{ device: leg.device, outcome: 'stored' }] };
      },
      undo: () => usage.release(scope.tenant, leg.device, row.length),
    };
  };
}
