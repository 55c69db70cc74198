/**
 * The way in of a message to a group: one body, and a row of one byte in the mailbox of each device (`collections.ts`), in one commit with the
 * gate of the group, so that a removal or a new device that commits in between makes the submit fail. On a cluster of servers the rows go first
 * and mean nothing until the body is there: the body's commit is the point from which the message exists (wire.md §5).
 */
import {
  CLASSES,
  type DeviceId,
  type GroupId,
  ID_BYTES,
  idToBytes,
  KuvertError,
  LIFETIME_MS,
  type Submit,
} from '@kuvert/protocol';
import type { Connection } from '../../channel/connection.ts';
import type { Accepted } from '../../channel/routes.ts';
import type { CommitOp, Store, TenantScope } from '../../store/index.ts';
import type { GroupDirectory, GroupSet } from '../groups/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import { groupBodies, mailboxRows, POINTER_ROW, submitRecords } from './collections.ts';
import type { FreshRow, RowAhead } from './delivery.ts';
import { dormancyOps } from './dormancy.ts';
import type { GroupBodies } from './group-bodies.ts';
import { legRecord, type RowIds, rowFromRecord } from './rows.ts';
import { sealAll } from './submit-ahead.ts';
import type { Turn } from './submit-order.ts';
import { encodeRecord, type RecordKey, type RequestHash } from './submit-records.ts';
import type { Usage } from './usage.ts';

/** How often a submit that lost against a change of the group is decided anew. */
const TRIES_MAX = 5;
/** Mailboxes that are looked into at once. */
const LOOKS_AT_ONCE = 64;
/** Rows of one commit where they do not go together with the body. */
const ROWS_AT_ONCE = 500;
/** Place of a gate in the list of a submit. */
const GATE_OF_SENDER = 2;

/** A submit to a group that has its turn. */
export interface GroupSubmit {
  readonly connection: Connection;
  readonly scope: TenantScope;
  /** Fails when the sending device was revoked. */
  readonly senderGate: CommitOp;
  readonly submit: Submit & { readonly to: GroupId };
  readonly key: RecordKey;
  readonly hash: RequestHash;
  readonly nowMs: number;
  readonly turn: Turn;
  /** @throws KuvertError `overloaded` when something before it has to come again */
  readonly stay: () => void;
  /** The answer that it was given before, if it was. */
  readonly answerAgain: () => Promise<Accepted | undefined>;
}

interface Target {
  readonly deviceId: DeviceId;
  readonly storedKey: Uint8Array;
}

/** @see the top of this file */
export function createGroupAccept(deps: {
  readonly store: Store;
  readonly groups: GroupDirectory;
  /** Of the feature `pools`: members may have been separated since they came together (C9). */
  readonly exchange: Pick<ExchangeService, 'requireBetween'>;
  readonly usage: Usage;
  readonly rowIds: RowIds;
  readonly bodies: GroupBodies;
  readonly push: (scope: TenantScope, deviceId: DeviceId, row: FreshRow, ahead?: RowAhead) => void;
  readonly sealAhead: (scope: TenantScope, deviceId: DeviceId, record: Uint8Array) => RowAhead | undefined;
  /** These devices are dormant, and something was not stored for them. */
  readonly onDormant: (scope: TenantScope, devices: readonly DeviceId[]) => void;
  /** Something may be stored for these devices that was never handed over. */
  readonly onDoubt: (scope: TenantScope, devices: readonly DeviceId[]) => void;
}): (parts: GroupSubmit) => Promise<Accepted> {
  const { store, groups, exchange, usage, rowIds, bodies, push, onDoubt } = deps;
  const { ops } = store;

  /** The present set. @throws KuvertError `not_found` for who is no member, `group_changed` for what was sealed for another set */
  async function find({ connection, scope, submit, answerAgain }: GroupSubmit): Promise<GroupSet | Accepted> {
    const fits = (set: GroupSet | undefined) =>
      set?.people.has(connection.personId) === true && Buffer.from(set.hash).equals(submit.listHash);
    const remembered = groups.peek(scope.tenant, submit.to);
    if (remembered !== undefined && fits(remembered)) return remembered;
    // What is remembered may be out of date; a refusal never rests on it.
    const set = await groups.load(scope, submit.to);
    if (set !== undefined && fits(set)) return set;
    // It may have been accepted before the group changed.
    const before = await answerAgain();
    if (before !== undefined) return before;
    if (set === undefined || !set.people.has(connection.personId)) throw new KuvertError('not_found');
    throw new KuvertError('group_changed', { details: { epoch: set.epoch } });
  }

  /** Looks into mailboxes that were not written to since the start. What is in them stays before what comes. */
  async function loadUsage(scope: TenantScope, devices: GroupSet['devices']): Promise<void> {
    const unknown = devices.filter(({ deviceId }) => !usage.knows(scope.tenant, deviceId));
    for (let at = 0; at < unknown.length; at += LOOKS_AT_ONCE) {
      const some = unknown.slice(at, at + LOOKS_AT_ONCE);
      const lasts = await Promise.all(some.map(({ deviceId }) => usage.load(scope, deviceId)));
      for (const last of lasts) if (last !== undefined) rowIds.goBeyond(last.subarray(ID_BYTES));
    }
  }

  /** Counts the rows in. A mailbox that is full holds nobody else up: its device is dormant for this message. */
  function reserve(
    scope: TenantScope,
    targets: readonly Target[],
    bytes: number,
  ): { stored: Target[]; dormant: DeviceId[] } {
    const stored: Target[] = [];
    const dormant: DeviceId[] = [];
    for (const target of targets) {
      if (usage.reserve(scope.tenant, target.deviceId, bytes)) stored.push(target);
      else dormant.push(target.deviceId);
    }
    return { stored, dormant };
  }

  async function commitRows(scope: TenantScope, rows: readonly CommitOp[]): Promise<void> {
    for (let at = 0; at < rows.length; at += ROWS_AT_ONCE)
      await scope.commit(rows.slice(at, at + ROWS_AT_ONCE));
  }

  return async (parts) => {
    const { connection, scope, senderGate, submit, key, hash, nowMs, turn } = parts;
    const expiresAtMs = nowMs + LIFETIME_MS[submit.lifetime];
    const group = idToBytes(submit.to);
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const set = await find(parts);
      if (!('gate' in set)) return set;
      for (const person of set.people) exchange.requireBetween(connection.personId, person);
      const devices = set.devices.filter(({ deviceId }) => deviceId !== connection.deviceId);
      await loadUsage(scope, devices);
      // Row ids are given out in the order of commits.
      const others = turn.wait();
      if (others !== undefined) await others;
      const record = legRecord(submit, group, { acceptedAtMs: nowMs, expiresAtMs });
      if (submit.class === CLASSES.ephemeral) {
        for (const { deviceId } of devices)
          push(scope, deviceId, { storedKey: undefined, record, isShared: true });
        return { acceptedAtMs: nowMs, legs: [] };
      }
      parts.stay();
      const row = rowFromRecord(Uint8Array.from(record));
      const rowId = rowIds.next(nowMs);
      const targets = devices.map(({ deviceId, bytes }) => {
        const storedKey = new Uint8Array(ID_BYTES + rowId.length);
        storedKey.set(bytes);
        storedKey.set(rowId, ID_BYTES);
        return { deviceId, storedKey };
      });
      const { stored, dormant } = reserve(scope, targets, row.length);
      const list: CommitOp[] = [
        ops.insert(submitRecords, key, encodeRecord(hash, nowMs, dormant)),
        set.gate,
        senderGate,
      ];
      if (dormant.length > 0) list.push(...dormancyOps(ops, usage, { scope, dormant, nowMs }));
      if (stored.length > 0) list.push(ops.put(groupBodies, rowId, row, expiresAtMs));
      const rows = stored.map(({ storedKey }) => ops.put(mailboxRows, storedKey, POINTER_ROW, expiresAtMs));
      const doubt = (): void =>
        onDoubt(
          scope,
          devices.map(({ deviceId }) => deviceId),
        );
      let isCommitted = false;
      try {
        // Alone on its files a server commits everything at once; among others the rows go first.
        const isAlone = store.hints === undefined;
        if (!isAlone) await commitRows(scope, rows);
        const committing = scope.commit(isAlone ? [...list, ...rows] : list).then((outcome) => {
          const ahead = sealing.end();
          // In the first step behind the commit: these run in the order of commits, whoever waits for what in the steps after.
          if (!outcome.committed) {
            // An earlier try may have stored it without our having heard of it. Nothing that comes later may be handed over before it.
            if (outcome.failedAt === 0) doubt();
            return outcome;
          }
          isCommitted = true;
          const body = bodies.stored(scope, rowId, stored.length);
          for (const [i, { deviceId, storedKey }] of stored.entries())
            push(scope, deviceId, { storedKey, record, isShared: true, body }, ahead[i]);
          return outcome;
        });
        // The event loop has nothing else to do for this message until it is committed.
        const sealing = sealAll(stored, record.length, ({ deviceId }) =>
          deps.sealAhead(scope, deviceId, record),
        );
        turn.done();
        const outcome = await committing.catch((error: unknown) => {
          sealing.end();
          doubt();
          throw error;
        });
        if (outcome.committed) {
          for (const device of dormant) usage.setDormant(scope.tenant, device);
          if (dormant.length > 0) deps.onDormant(scope, dormant);
          return {
            acceptedAtMs: nowMs,
            legs: dormant.map((device) => ({ device, outcome: 'dormant' as const })),
          };
        }
        if (!isAlone)
          await commitRows(
            scope,
            stored.map(({ storedKey }) => ops.delete(mailboxRows, storedKey)),
          );
        if (outcome.failedAt === GATE_OF_SENDER) throw new KuvertError('device_not_accepted');
        // One that was dormant has come back.
        if (outcome.failedAt > GATE_OF_SENDER)
          for (const device of dormant) usage.forget(scope.tenant, device);
        else if (outcome.failedAt > 0) groups.forget(scope.tenant, submit.to);
        else {
          const before = await parts.answerAgain();
          if (before !== undefined) return before;
        }
      } finally {
        if (!isCommitted) {
          for (const { deviceId } of stored) usage.release(scope.tenant, deviceId, row.length);
        }
      }
    }
    throw new KuvertError('store_busy');
  };
}
