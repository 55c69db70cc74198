/**
 * The way in. A submit is decided on what is in memory and committed as one prebuilt list: its record (which fails when the submit
 * was made before), the gates of recipient and sender (which fail when devices changed or the sender was revoked), and a row per leg.
 * Only when something does not fit is anything read.
 */
import {
  CLASSES,
  type DeviceId,
  encodeSubmit,
  idToBytes,
  KuvertError,
  LIFETIME_MS,
  type PersonId,
  type Submit,
} from '@kuvert/protocol';
import type { Connection } from '../../channel/connection.ts';
import type { Accepted } from '../../channel/routes.ts';
import type { Clock, Random } from '../../clock.ts';
import { ADMISSION, type Admission } from '../../limits/admission.ts';
import { refusal } from '../../limits/refusal.ts';
import type { CommitOp, Store, TenantScope } from '../../store/index.ts';
import type { DeviceDirectory, DeviceSet } from '../devices/index.ts';
import type { GroupDirectory } from '../groups/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import { mailboxRows, submitRecords } from './collections.ts';
import type { FreshRow, RowAhead } from './delivery.ts';
import { dormancyOps } from './dormancy.ts';
import type { GroupBodies } from './group-bodies.ts';
import { CONNECTION_SUBMITS_OPEN_MAX, type TRAFFIC } from './limits.ts';
import { type Entry, RefusedFirst } from './refused-first.ts';
import { createRowIds } from './rows.ts';
import { accepted, devicesOf, isToGroup, sizeOf } from './submit-answer.ts';
import { findMisfit } from './submit-fit.ts';
import { createGroupAccept } from './submit-group.ts';
import { SubmitOrder, type Turn } from './submit-order.ts';
import {
  checkSubmitTime,
  createRecordKeys,
  decodeRecord,
  encodeRecord,
  findRecord,
  type RecordKey,
  type RequestHash,
  requestHash,
  submitIdIn,
} from './submit-records.ts';
import { createRoom } from './submit-room.ts';
import { BucketNames, createTraffic } from './submit-traffic.ts';
import { createUsualCommit, type PreparedLeg, prepareLeg } from './submit-usual.ts';
import type { Usage } from './usage.ts';

/** How often a submit that lost against a change of devices is decided anew. */
const TRIES_MAX = 5;
/** Place of the sender's gate in the list of a submit; the conditions of dormant devices follow. */
const GATE_OF_SENDER = 2;

interface Sender {
  readonly scope: TenantScope;
  readonly deviceId: DeviceId;
  readonly deviceBytes: Uint8Array;
  readonly gate: CommitOp;
  readonly bucketNames: BucketNames;
  readonly order: SubmitOrder;
  readonly refusedFirst: RefusedFirst;
  /** Devices to which this connection has sent something, where there are several servers. */
  readonly met: Set<DeviceId>;
  open: number;
}

/** A submit that was let in. */
interface LetIn {
  readonly turn: Turn;
  /** Undefined for what is ephemeral: it does not come again when it was refused, so nothing waits for it. */
  readonly entry: Entry | undefined;
  /** Says that there is room for another one. */
  readonly leave: () => void;
}

/** Takes submits of connections. */
export function createSubmit(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly people: PeopleService;
  readonly directory: DeviceDirectory;
  readonly groups: GroupDirectory;
  readonly exchange: Pick<ExchangeService, 'requireBetween'>;
  readonly usage: Usage;
  readonly bodies: GroupBodies;
  /** Decides whether there is room in the server. */
  readonly admission: Pick<Admission, 'enter'>;
  /** How many times the limits of {@link TRAFFIC} hold; 1 if not given. */
  readonly trafficFactor?: number | undefined;
  /** A device has sent one person more than {@link TRAFFIC} allows, or a person was sent more. */
  readonly onLimit?: ((limit: keyof typeof TRAFFIC) => void) | undefined;
  /** Hands a committed row, or an ephemeral one, to the device's connection if it has one. */
  readonly push: (scope: TenantScope, deviceId: DeviceId, row: FreshRow, ahead?: RowAhead) => void;
  /** Seals a record that is about to be committed, for a device that is connected here and can have it at once. */
  readonly sealAhead: (scope: TenantScope, deviceId: DeviceId, record: Uint8Array) => RowAhead | undefined;
  /** True for a device that is connected to this server, has no room, and may still make some. */
  readonly isWaitedFor: (scope: TenantScope, deviceId: DeviceId) => boolean;
  /** These devices are dormant, and something was not stored for them. */
  readonly onDormant: (scope: TenantScope, devices: readonly DeviceId[]) => void;
  /** Something may be stored for these devices that was never handed over. */
  readonly onDoubt: (scope: TenantScope, devices: readonly DeviceId[]) => void;
}): (connection: Connection, submit: Submit, record?: Uint8Array) => Promise<Accepted> {
  const { store, clock, random, people, directory, usage, push, onDoubt } = deps;
  const { ops } = store;
  const senders = new WeakMap<Connection, Sender>();
  const recordKeys = createRecordKeys(random);
  const rowIds = createRowIds(random);
  const acceptForGroup = createGroupAccept({ ...deps, rowIds });
  const room = createRoom({ ...deps, rowIds });
  const commitUsual = createUsualCommit({ ...deps, recordKeys, rowIds });
  const traffic = createTraffic(deps);

  function senderOf(connection: Connection): Sender {
    let sender = senders.get(connection);
    if (sender === undefined) {
      const deviceBytes = idToBytes(connection.deviceId);
      sender = {
        scope: store.tenant(connection.tenantId),
        deviceId: connection.deviceId,
        deviceBytes,
        gate: directory.activeGate(deviceBytes),
        bucketNames: new BucketNames(connection.tenantId, connection.deviceId),
        order: new SubmitOrder(),
        refusedFirst: new RefusedFirst(),
        met: new Set(),
        open: 0,
      };
      senders.set(connection, sender);
    }
    return sender;
  }

  /** The answer that this submit was given before, if it was. @throws KuvertError `id_reused` */
  async function answerAgain(
    scope: TenantScope,
    key: RecordKey,
    hash: RequestHash,
    submit: Submit,
  ): Promise<Accepted | undefined> {
    const row = await findRecord(scope, key);
    if (row === undefined) return undefined;
    const record = decodeRecord(row.value);
    if (record.hash !== hash) throw new KuvertError('id_reused');
    // We may not have heard of it. Nothing that comes later may be handed over before it.
    onDoubt(scope, devicesOf(submit));
    return accepted(submit, record.acceptedAtMs, record.dormant);
  }

  async function loadSet(scope: TenantScope, to: PersonId): Promise<DeviceSet> {
    const set = await directory.load(scope, to);
    if (set !== undefined) return set;
    throw new KuvertError((await people.exists(scope, to)) ? 'no_device' : 'not_found');
  }

  function prepare(submit: Submit, set: DeviceSet, nowMs: number): PreparedLeg[] {
    const [first] = set.devices;
    return submit.legs.map((leg) => {
      const device = leg.device === first?.deviceId ? first.bytes : idToBytes(leg.device);
      return prepareLeg(rowIds, { submit, leg, device, nowMs });
    });
  }

  function sleeping(scope: TenantScope, dormant: readonly DeviceId[]): void {
    for (const device of dormant) usage.setDormant(scope.tenant, device);
    deps.onDormant(scope, dormant);
  }

  async function accept(
    connection: Connection,
    sender: Sender,
    submit: Submit,
    submitRecord: Uint8Array,
    { turn, entry }: LetIn,
  ): Promise<Accepted> {
    const { scope } = sender;
    const nowMs = clock.nowMs();
    const submitId = submitIdIn(submitRecord);
    checkSubmitTime(submitId, nowMs);
    if (submit.legs.length > 1 && new Set(submit.legs.map((leg) => leg.device)).size < submit.legs.length) {
      throw new KuvertError('bad_request');
    }
    const hash = requestHash(submitRecord);
    const key =
      recordKeys.peek(scope, sender.deviceBytes, submitId) ??
      (await recordKeys.load(scope, sender.deviceBytes, submitId));
    const stay = (): void => {
      if (entry !== undefined) sender.refusedFirst.stay(submit, entry);
    };
    if (isToGroup(submit)) {
      const answer = () => answerAgain(scope, key, hash, submit);
      const parts = { connection, scope, senderGate: sender.gate, submit, key, hash, nowMs, turn, stay };
      return acceptForGroup({ ...parts, answerAgain: answer });
    }
    // A submit is to a person or to a group.
    const to = submit.to as PersonId;
    const self = { deviceId: connection.deviceId, isOwn: to === connection.personId };
    let isRecounted = false;

    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const remembered = directory.peek(scope.tenant, to);
      let set = remembered ?? (await loadSet(scope, to));
      let misfit = findMisfit(set, submit, self);
      if (misfit !== undefined && remembered !== undefined) {
        // What is remembered may be out of date; a refusal never rests on it.
        set = await loadSet(scope, to);
        misfit = findMisfit(set, submit, self);
      }
      deps.exchange.requireBetween(connection.personId, to);
      if (misfit !== undefined) {
        // It may have been accepted before the devices changed.
        const before = await answerAgain(scope, key, hash, submit);
        if (before !== undefined) return before;
        throw misfit;
      }
      if (!submit.legs.every((leg) => usage.knows(scope.tenant, leg.device))) {
        await room.load(
          scope,
          devicesOf(submit).filter((device) => !usage.knows(scope.tenant, device)),
        );
      }
      if (store.hints?.hasOthers === true) await room.meet(scope, sender.met, devicesOf(submit));
      // Row ids are given out in the order of commits.
      const others = turn.wait();
      if (others !== undefined) await others;
      // One of them may have been refused while it read what it needed.
      stay();
      const legs = prepare(submit, set, nowMs);
      if (submit.class === CLASSES.ephemeral) {
        for (const leg of legs) push(scope, leg.deviceId, { storedKey: undefined, record: leg.record });
        return accepted(submit, nowMs);
      }
      let reserved: { readonly stored: PreparedLeg[]; readonly dormant: DeviceId[] } | undefined;
      let full: unknown;
      try {
        reserved = room.reserve(scope, legs);
      } catch (error) {
        full = error;
      }
      const isNews = reserved?.dormant.some((device) => !usage.isDormant(scope.tenant, device)) !== false;
      if (store.hints !== undefined && !isRecounted && isNews) {
        // What other servers have handed over is not in our count, and nothing of this kind rests on a count like that.
        isRecounted = true;
        if (reserved !== undefined) room.release(scope, reserved.stored);
        for (const deviceId of devicesOf(submit)) usage.forget(scope.tenant, deviceId);
        continue;
      }
      if (reserved === undefined) {
        const before = await answerAgain(scope, key, hash, submit);
        if (before !== undefined) return before;
        throw full;
      }
      const { stored, dormant } = reserved;
      let isCommitted = false;
      try {
        const committing = scope
          .commit(submitList(sender, { set, key, hash, legs: stored, dormant, nowMs, submit }))
          .then((outcome) => {
            // In the first step behind the commit: these run in the order of commits, whoever waits for what in the steps after.
            if (!outcome.committed) {
              // An earlier try may have stored it without our having heard of it. To look for its record takes too long: what comes later is next.
              if (outcome.failedAt === 0) onDoubt(scope, devicesOf(submit));
              return outcome;
            }
            isCommitted = true;
            for (const { deviceId, storedKey, record } of stored)
              push(scope, deviceId, { storedKey, record });
            return outcome;
          });
        turn.done();
        const outcome = await committing.catch((error: unknown) => {
          // A store that is not on this machine may have committed what it gives no answer to.
          onDoubt(scope, devicesOf(submit));
          throw error;
        });
        if (outcome.committed) {
          if (dormant.length > 0) sleeping(scope, dormant);
          return accepted(submit, nowMs, dormant);
        }
        if (outcome.failedAt === GATE_OF_SENDER) throw new KuvertError('device_not_accepted');
        // One that was dormant has come back.
        if (outcome.failedAt > GATE_OF_SENDER)
          for (const device of dormant) usage.forget(scope.tenant, device);
        else if (outcome.failedAt > 0) directory.forget(scope.tenant, set.personId);
        else {
          const before = await answerAgain(scope, key, hash, submit);
          if (before !== undefined) return before;
        }
      } finally {
        if (!isCommitted) room.release(scope, stored);
      }
    }
    throw new KuvertError('store_busy');
  }

  /** What one submit commits: the conditions first, which cost nothing then. */
  function submitList(
    { scope, gate }: Sender,
    parts: {
      set: DeviceSet;
      key: RecordKey;
      hash: RequestHash;
      legs: readonly PreparedLeg[];
      dormant: readonly DeviceId[];
      nowMs: number;
      submit: Submit;
    },
  ): CommitOp[] {
    const { set, key, hash, legs, dormant, nowMs, submit } = parts;
    const expiresAt = nowMs + LIFETIME_MS[submit.lifetime];
    const list: CommitOp[] = [
      ops.insert(submitRecords, key, encodeRecord(hash, nowMs, dormant)),
      set.gate,
      gate,
    ];
    if (dormant.length > 0) list.push(...dormancyOps(ops, usage, { scope, dormant, nowMs }));
    for (const leg of legs) list.push(ops.put(mailboxRows, leg.storedKey, leg.row, expiresAt));
    return list;
  }

  /** @throws KuvertError `overloaded`, `rate_limited`, each with the time after which there is room */
  function enter(sender: Sender, submit: Submit): LetIn {
    const nowMs = clock.monotonicMs();
    const isKept = submit.class !== CLASSES.ephemeral;
    const entry = isKept ? sender.refusedFirst.enter(submit, nowMs) : undefined;
    try {
      if (sender.open >= CONNECTION_SUBMITS_OPEN_MAX) throw refusal('overloaded', ADMISSION.retryMs);
      const leave = traffic.enter(sender.bucketNames, submit, sizeOf(submit), nowMs);
      sender.open++;
      return { turn: sender.order.take(), entry, leave };
    } catch (error) {
      refused(sender, submit, entry, error);
      throw error;
    }
  }

  function refused(sender: Sender, submit: Submit, entry: Entry | undefined, error: unknown): void {
    if (entry !== undefined) sender.refusedFirst.failed(submit, entry, error, clock.monotonicMs());
  }

  /** It has its answer. */
  function leave(sender: Sender, letIn: LetIn): void {
    letIn.turn.done();
    sender.open--;
    if (sender.open === 0) sender.refusedFirst.empty();
    letIn.leave();
  }

  /** All but the usual ones. */
  async function acceptLetIn(
    connection: Connection,
    sender: Sender,
    submit: Submit,
    record: Uint8Array,
    letIn: LetIn,
  ): Promise<Accepted> {
    try {
      return await accept(connection, sender, submit, record, letIn);
    } catch (error) {
      refused(sender, submit, letIn.entry, error);
      throw error;
    } finally {
      leave(sender, letIn);
    }
  }

  // Without `async`, and one promise alone for the usual submit: more of them were a twentieth of the event loop's time for a message.
  return (connection, submit, record = encodeSubmit(submit)) => {
    const sender = senderOf(connection);
    let letIn: LetIn | undefined;
    try {
      const admitted = enter(sender, submit);
      letIn = admitted;
      const usual = commitUsual(connection, sender, submit, record, admitted);
      if (usual === undefined) return acceptLetIn(connection, sender, submit, record, admitted);
      return usual.committing.then(
        (outcome) => {
          if (!outcome.committed) {
            // It was there before, or something has changed, which is found out at leisure.
            usual.undo();
            return acceptLetIn(connection, sender, submit, record, admitted);
          }
          try {
            return usual.handOver();
          } finally {
            leave(sender, admitted);
          }
        },
        (error: unknown) => {
          usual.undo();
          refused(sender, submit, admitted.entry, error);
          leave(sender, admitted);
          throw error;
        },
      );
    } catch (error) {
      if (letIn !== undefined) {
        refused(sender, submit, letIn.entry, error);
        leave(sender, letIn);
      }
      return Promise.reject(error);
    }
  };
}
