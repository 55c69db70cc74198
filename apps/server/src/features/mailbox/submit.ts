/**
 * The way in. A submit is decided on what is in memory and committed as one prebuilt list: its record (which fails when the submit
 * was made before), the gates of recipient and sender (which fail when devices changed or the sender was revoked), and a row per leg.
 * Only when something does not fit is anything read.
 */
import {
  CLASSES,
  type DeviceId,
  encodeSubmit,
  equalBytes,
  ID_BYTES,
  ID_TYPES,
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
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import { refusal } from '../../limits/refusal.ts';
import type { CommitOp, Store, TenantScope } from '../../store/index.ts';
import type { DeviceDirectory, DeviceSet } from '../devices/index.ts';
import type { GroupDirectory } from '../groups/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import { mailboxRows, submitRecords } from './collections.ts';
import type { FreshRow } from './delivery.ts';
import { dormancyOps } from './dormancy.ts';
import type { GroupBodies } from './group-bodies.ts';
import { CONNECTION_SUBMITS_OPEN_MAX, TRAFFIC } from './limits.ts';
import { type Entry, RefusedFirst } from './refused-first.ts';
import { createRowIds, legRecord, rowFromRecord } from './rows.ts';
import { createGroupAccept, type GroupSubmit } from './submit-group.ts';
import { SubmitOrder, type Turn } from './submit-order.ts';
import {
  checkSubmitTime,
  createRecordKeys,
  decodeRecord,
  encodeRecord,
  findRecord,
  type RecordKey,
  requestHash,
  submitIdIn,
} from './submit-records.ts';
import type { Usage } from './usage.ts';

/** How often a submit that lost against a change of devices is decided anew. */
const TRIES_MAX = 5;
/** Recipients of one connection whose keys of buckets are kept. */
const BUCKET_KEYS_MAX = 256;
/** Place of the sender's gate in the list of a submit; the conditions of dormant devices follow. */
const GATE_OF_SENDER = 2;

interface Sender {
  readonly scope: TenantScope;
  readonly deviceId: DeviceId;
  readonly deviceBytes: Uint8Array;
  readonly gate: CommitOp;
  /** Keys of buckets by recipient, which are long texts made once. */
  readonly bucketKeys: Map<string, BucketKeys>;
  readonly order: SubmitOrder;
  readonly refusedFirst: RefusedFirst;
  /** Devices to which this connection has sent something, where there are several servers. */
  readonly met: Set<DeviceId>;
  open: number;
}

interface BucketKeys {
  /** What this device sends them. Device ids are chosen by devices, so the tenant is a part. */
  readonly pair: string;
  /** What anybody sends them. */
  readonly recipient: string;
}

interface PreparedLeg {
  readonly deviceId: DeviceId;
  readonly storedKey: Uint8Array;
  readonly record: Uint8Array;
  readonly row: Uint8Array;
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
  readonly push: (scope: TenantScope, deviceId: DeviceId, row: FreshRow) => void;
  /** True for a device that is connected to this server, has no room, and may still make some. */
  readonly isWaitedFor: (scope: TenantScope, deviceId: DeviceId) => boolean;
  /** These devices are dormant, and something was not stored for them. */
  readonly onDormant: (scope: TenantScope, devices: readonly DeviceId[]) => void;
  /** Something may be stored for these devices that was never handed over. */
  readonly onDoubt: (scope: TenantScope, devices: readonly DeviceId[]) => void;
}): (connection: Connection, submit: Submit, record?: Uint8Array) => Promise<Accepted> {
  const { store, clock, random, people, directory, usage, admission, push, onDoubt } = deps;
  const { ops } = store;
  const senders = new WeakMap<Connection, Sender>();
  const recordKeys = createRecordKeys(random);
  const rowIds = createRowIds(random);
  const acceptForGroup = createGroupAccept({ ...deps, rowIds });
  const buckets = (limit: keyof typeof TRAFFIC): LeakyBuckets => {
    const { burst, perSecond } = TRAFFIC[limit];
    const factor = deps.trafficFactor ?? 1;
    return new LeakyBuckets({
      limit: { burst: burst * factor, perSecond: perSecond * factor },
      clock,
      onClosed: () => deps.onLimit?.(limit),
    });
  };
  const pairSubmits = buckets('pairSubmits');
  const pairEphemerals = buckets('pairEphemerals');
  const recipientBytes = buckets('recipientBytes');

  function senderOf(connection: Connection): Sender {
    let sender = senders.get(connection);
    if (sender === undefined) {
      const deviceBytes = idToBytes(connection.deviceId);
      sender = {
        scope: store.tenant(connection.tenantId),
        deviceId: connection.deviceId,
        deviceBytes,
        gate: directory.activeGate(deviceBytes),
        bucketKeys: new Map(),
        order: new SubmitOrder(),
        refusedFirst: new RefusedFirst(),
        met: new Set(),
        open: 0,
      };
      senders.set(connection, sender);
    }
    return sender;
  }

  /** Why this submit cannot be for these devices, or undefined when it fits. */
  function findMisfit(
    set: DeviceSet,
    submit: Submit,
    self: DeviceId,
    isOwn: boolean,
  ): KuvertError | undefined {
    const isStale = !equalBytes(set.listHash, submit.listHash);
    const expected = set.devices.filter((device) => device.deviceId !== self);
    const [first] = expected;
    const [leg] = submit.legs;
    const isUsual = expected.length === 1 && submit.legs.length === 1 && leg?.device === first?.deviceId;
    if (isUsual && !isStale) return undefined;
    const legs = new Set(submit.legs.map((other) => other.device));
    const missing = expected.flatMap(({ deviceId }) => (legs.delete(deviceId) ? [] : deviceId));
    const extra = [...legs];
    if (legs.size === 0 && missing.length === 0 && !isStale) {
      return expected.length === 0 && !isOwn ? new KuvertError('no_device') : undefined;
    }
    return new KuvertError('devices_changed', {
      details: { missing: missing.slice(0, 64), extra: extra.slice(0, 64), stale: isStale },
    });
  }

  /** The answer that this submit was given before, if it was. @throws KuvertError `id_reused` */
  async function answerAgain(
    scope: TenantScope,
    key: RecordKey,
    hash: Uint8Array,
    submit: Submit,
  ): Promise<Accepted | undefined> {
    const row = await findRecord(scope, key);
    if (row === undefined) return undefined;
    const record = decodeRecord(row.value);
    if (!equalBytes(record.hash, hash)) throw new KuvertError('id_reused');
    return accepted(submit, record.acceptedAtMs, record.dormant);
  }

  async function loadSet(scope: TenantScope, to: PersonId): Promise<DeviceSet> {
    const set = await directory.load(scope, to);
    if (set !== undefined) return set;
    throw new KuvertError((await people.exists(scope, to)) ? 'no_device' : 'not_found');
  }

  function prepare(submit: Submit, set: DeviceSet, nowMs: number): PreparedLeg[] {
    const times = { acceptedAtMs: nowMs, expiresAtMs: nowMs + LIFETIME_MS[submit.lifetime] };
    const [first] = set.devices;
    return submit.legs.map((leg) => {
      const record = legRecord(submit, leg.bytes, times);
      const device = leg.device === first?.deviceId ? first.bytes : idToBytes(leg.device);
      return {
        deviceId: leg.device,
        storedKey: rowIds.nextKey(device, nowMs),
        record,
        row: rowFromRecord(record),
      };
    });
  }

  /** Looks into mailboxes that were not written to since the start. What is in them stays before what comes. */
  async function loadUsage(scope: TenantScope, devices: readonly DeviceId[]): Promise<void> {
    for (const deviceId of devices) {
      const last = await usage.load(scope, deviceId);
      if (last !== undefined) rowIds.goBeyond(last.subarray(ID_BYTES));
    }
  }

  /**
   * What this device has sent through another server a moment ago comes before what it sends here: its rows may have later ids, for
   * that server's clock may be ahead, and its hints may still be on their way.
   */
  async function meet({ scope, met }: Sender, submit: Submit): Promise<void> {
    const strangers = devicesOf(submit).filter((device) => !met.has(device));
    for (const device of strangers) met.add(device);
    try {
      for (const device of strangers) {
        const { rows } = await scope.list(mailboxRows, { equals: [device], order: 'desc', limit: 1 });
        for (const { storedKey } of rows) rowIds.goBeyond(storedKey.subarray(ID_BYTES));
      }
    } catch (error) {
      for (const device of strangers) met.delete(device);
      throw error;
    }
    if (strangers.length > 0) onDoubt(scope, strangers);
  }

  /**
   * Counts in the rows that have room. A device without room is dormant, unless it is connected and only has to catch up.
   * @throws KuvertError `mailbox_full` with {devices}, with nothing counted in
   */
  function reserve(
    scope: TenantScope,
    legs: readonly PreparedLeg[],
  ): { stored: PreparedLeg[]; dormant: DeviceId[] } {
    const stored: PreparedLeg[] = [];
    const dormant: DeviceId[] = [];
    for (const leg of legs) {
      if (usage.reserve(scope.tenant, leg.deviceId, leg.row.length)) stored.push(leg);
      else dormant.push(leg.deviceId);
    }
    const busy = dormant.filter((device) => deps.isWaitedFor(scope, device));
    if (busy.length > 0) {
      release(scope, stored);
      throw new KuvertError('mailbox_full', { details: { devices: busy.slice(0, 64) } });
    }
    return { stored, dormant };
  }

  function sleeping(scope: TenantScope, dormant: readonly DeviceId[]): void {
    for (const device of dormant) usage.setDormant(scope.tenant, device);
    deps.onDormant(scope, dormant);
  }

  function release(scope: TenantScope, legs: readonly PreparedLeg[]): void {
    for (const leg of legs) usage.release(scope.tenant, leg.deviceId, leg.row.length);
  }

  async function accept(
    connection: Connection,
    sender: Sender,
    submit: Submit,
    submitRecord: Uint8Array,
    { turn, entry }: { readonly turn: Turn; readonly entry: Entry | undefined },
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
    const isOwn = to === connection.personId;
    let isRecounted = false;

    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const remembered = directory.peek(scope.tenant, to);
      let set = remembered ?? (await loadSet(scope, to));
      let misfit = findMisfit(set, submit, connection.deviceId, isOwn);
      if (misfit !== undefined && remembered !== undefined) {
        // What is remembered may be out of date; a refusal never rests on it.
        set = await loadSet(scope, to);
        misfit = findMisfit(set, submit, connection.deviceId, isOwn);
      }
      deps.exchange.requireBetween(connection.personId, to);
      if (misfit !== undefined) {
        // It may have been accepted before the devices changed.
        const before = await answerAgain(scope, key, hash, submit);
        if (before !== undefined) return before;
        throw misfit;
      }
      if (!submit.legs.every((leg) => usage.knows(scope.tenant, leg.device))) {
        await loadUsage(
          scope,
          devicesOf(submit).filter((device) => !usage.knows(scope.tenant, device)),
        );
      }
      if (store.hints?.hasOthers === true) await meet(sender, submit);
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
      let reserved: ReturnType<typeof reserve> | undefined;
      let full: unknown;
      try {
        reserved = reserve(scope, legs);
      } catch (error) {
        full = error;
      }
      const isNews = reserved?.dormant.some((device) => !usage.isDormant(scope.tenant, device)) !== false;
      if (store.hints !== undefined && !isRecounted && isNews) {
        // What other servers have handed over is not in our count, and nothing of this kind rests on a count like that.
        isRecounted = true;
        if (reserved !== undefined) release(scope, reserved.stored);
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
        const committing = scope.commit(
          submitList(sender, { set, key, hash, legs: stored, dormant, nowMs, submit }),
        );
        turn.done();
        const outcome = await committing.catch((error: unknown) => {
          // A store that is not on this machine may have committed what it gives no answer to.
          onDoubt(scope, devicesOf(submit));
          throw error;
        });
        if (outcome.committed) {
          isCommitted = true;
          for (const { deviceId, storedKey, record } of stored) push(scope, deviceId, { storedKey, record });
          if (dormant.length > 0) sleeping(scope, dormant);
          return accepted(submit, nowMs, dormant);
        }
        if (outcome.failedAt === GATE_OF_SENDER) throw new KuvertError('device_not_accepted');
        // An earlier try may have stored it without our having heard of it. Nothing that comes later may be handed over before it.
        if (outcome.failedAt === 0) onDoubt(scope, devicesOf(submit));
        // One that was dormant has come back.
        if (outcome.failedAt > GATE_OF_SENDER)
          for (const device of dormant) usage.forget(scope.tenant, device);
        else if (outcome.failedAt > 0) directory.forget(scope.tenant, set.personId);
        else {
          const before = await answerAgain(scope, key, hash, submit);
          if (before !== undefined) return before;
        }
      } finally {
        if (!isCommitted) release(scope, stored);
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
      hash: Uint8Array;
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
  function enter(sender: Sender, submit: Submit, bytes: number): () => void {
    if (sender.open >= CONNECTION_SUBMITS_OPEN_MAX) throw refusal('overloaded', ADMISSION.retryMs);
    const { pair, recipient } = bucketKeysOf(sender, submit.to);
    // Signs of writing use up nothing that messages need.
    const ofPair = submit.class === CLASSES.ephemeral ? pairEphemerals : pairSubmits;
    ofPair.take(pair);
    recipientBytes.take(recipient, bytes);
    try {
      return admission.enter(bytes);
    } catch (error) {
      ofPair.giveBack(pair, 1);
      recipientBytes.giveBack(recipient, bytes);
      throw error;
    }
  }

  function bucketKeysOf({ bucketKeys, scope, deviceId }: Sender, to: string): BucketKeys {
    let keys = bucketKeys.get(to);
    if (keys === undefined) {
      if (bucketKeys.size >= BUCKET_KEYS_MAX) bucketKeys.clear();
      keys = { pair: scope.tenant + deviceId + to, recipient: scope.tenant + to };
      bucketKeys.set(to, keys);
    }
    return keys;
  }

  return async (connection, submit, record = encodeSubmit(submit)) => {
    const sender = senderOf(connection);
    // What is ephemeral does not come again when it was refused, so nothing waits for it.
    const isKept = submit.class !== CLASSES.ephemeral;
    const entry = isKept ? sender.refusedFirst.enter(submit, clock.monotonicMs()) : undefined;
    let leave: (() => void) | undefined;
    let turn: Turn | undefined;
    try {
      leave = enter(sender, submit, sizeOf(submit));
      turn = sender.order.take();
      sender.open++;
      return await accept(connection, sender, submit, record, { turn, entry });
    } catch (error) {
      if (entry !== undefined) sender.refusedFirst.failed(submit, entry, error, clock.monotonicMs());
      throw error;
    } finally {
      if (turn !== undefined) {
        turn.done();
        sender.open--;
        if (sender.open === 0) sender.refusedFirst.empty();
      }
      leave?.();
    }
  };
}

/** Bytes that a submit brings into mailboxes. */
function sizeOf(submit: Submit): number {
  // The body of a message to a group is kept once.
  let bytes = (submit.body?.length ?? 0) * Math.max(1, submit.legs.length);
  for (const leg of submit.legs) bytes += leg.bytes.length;
  return bytes;
}

function devicesOf({ legs }: Submit): DeviceId[] {
  return legs.map(({ device }) => device);
}

const GROUP_PREFIX = `${ID_TYPES.group.prefix}_`;

function isToGroup(submit: Submit): submit is GroupSubmit['submit'] {
  return submit.to.startsWith(GROUP_PREFIX);
}

function accepted(submit: Submit, acceptedAtMs: number, dormant: readonly DeviceId[] = []): Accepted {
  // A message to a group has no legs of its own; its answer names only who is dormant.
  const devices = isToGroup(submit) ? dormant : devicesOf(submit);
  const outcomeOf = (device: DeviceId) => (dormant.includes(device) ? 'dormant' : 'stored');
  return { acceptedAtMs, legs: devices.map((device) => ({ device, outcome: outcomeOf(device) })) };
}
