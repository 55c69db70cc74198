/** The rules of groups: what may be appended to a log, and who may read one. */
import {
  applyEntry,
  entryHash,
  GroupLogError,
  type GroupState,
  isSignedBy,
  memberOf,
  readEntry,
} from '@kuvert/crypto/groups';
import {
  concatBytes,
  type DeviceId,
  equalBytes,
  GROUP_LIMITS,
  type GroupEntry,
  type GroupId,
  type GroupKeyCopy,
  KEY_ALGORITHMS,
  KuvertError,
  type PersonId,
  type Signed,
} from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import type { RowOf, Store, TenantScope, Tx } from '../../store/index.ts';
import type { DeviceService } from '../devices/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import { type GroupSetRow, groupEntries, groupKeyCopies, groupMemberships, groups } from './collections.ts';
import type { GroupDirectory } from './directory.ts';
import { KEY_COPY_KEPT_MS } from './limits.ts';
import type { GroupSets } from './sets.ts';

/** An enrolled device that calls. */
export interface GroupCaller {
  readonly scope: TenantScope;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
}

type TenantTx = Tx<'tenant'>;
const SIGNATURE_BYTES = 64;
const LIST_PAGE = 500;
/** Bytes of entries in one answer. */
const LOG_BYTES_MAX = 400_000;
const KEYS_MAX = 64;

/** @see createGroupService */
export type GroupService = ReturnType<typeof createGroupService>;

/** What devices may do with groups. */
export function createGroupService(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly devices: DeviceService;
  readonly exchange: ExchangeService;
  readonly directory: GroupDirectory;
  readonly sets: GroupSets;
  /** A log has one entry more. */
  readonly onChanged: () => void;
  /** Tells devices that are connected of a new entry. */
  readonly tell: (
    scope: TenantScope,
    devices: Iterable<DeviceId>,
    change: { group: GroupId; epoch: number },
  ) => void;
}) {
  const { store, clock, devices, exchange, directory, sets, tell, onChanged } = deps;

  /** The entry that a caller may have made. @throws KuvertError `group_invalid`, `group_forbidden` */
  function entryOf(caller: GroupCaller, signed: Signed): GroupEntry {
    const entry = inOurWords(() => readEntry(signed));
    if (entry.tenant !== caller.scope.tenant) throw new KuvertError('group_invalid');
    if (entry.person !== caller.personId || entry.device !== caller.deviceId) {
      throw new KuvertError('group_forbidden');
    }
    return entry;
  }

  /** @throws KuvertError `group_forbidden` for what this device has not signed */
  async function checkSignature(tx: TenantTx, caller: GroupCaller, signed: Signed): Promise<void> {
    const key = await devices.signingKeyOf(tx, caller.personId, caller.deviceId);
    if (key === undefined || !isSignedBy(signed, key)) throw new KuvertError('group_forbidden');
  }

  async function commit(
    tx: TenantTx,
    caller: GroupCaller,
    change: { entry: GroupEntry; signed: Signed; keys: readonly GroupKeyCopy[] },
  ): Promise<
    { state: GroupState; before: GroupSetRow | undefined; after: GroupSetRow | undefined } | undefined
  > {
    const { entry, signed, keys } = change;
    await devices.requireActive(tx, caller.deviceId);
    const row = await tx.find(groups, entry.group);
    const state = row && stateOf(caller.scope, row);
    if (state !== undefined && (await isRepeated(tx, entry, signed))) return undefined;
    if (state !== undefined && memberOf(state, caller.personId) === undefined) {
      throw new KuvertError('not_found');
    }
    if (state !== undefined && (entry.seq !== state.epoch + 1 || !equalBytes(entry.prevHash, state.head))) {
      if (entry.action === 'create') throw new KuvertError('group_invalid');
      throw new KuvertError('group_changed', { details: { epoch: state.epoch } });
    }
    await checkSignature(tx, caller, signed);
    const next = inOurWords(() => applyEntry(state, entry, entryHash(signed)));
    const was = new Set(state?.members.map(({ person }) => person));
    const added = next.members.filter(({ person }) => !was.has(person)).map(({ person }) => person);
    for (const person of added) await exchange.requireExchange(caller.scope, caller.personId, person);
    // Whoever comes would write to all of them, and they to whoever comes.
    for (const person of added)
      for (const member of next.members) exchange.requireBetween(person, member.person);
    const before = state && (await sets.read(tx, entry.group));
    const people = next.members.map(({ person }) => person);
    const after = next.isDissolved
      ? undefined
      : await sets.replace(tx, { group: entry.group, epoch: next.epoch, head: next.head, people });
    if (after === undefined) await sets.remove(tx, entry.group);
    else keepCopies(tx, caller, { after, keys, next, needy: entry.key === undefined ? added : people });
    tx.put(groups, rowOf(next, row?.createdAt ?? clock.nowMs()));
    tx.apply(store.ops.insert(groupEntries, [entry.group, entry.seq], bytesOf(signed)));
    const gone = state === undefined ? [] : [...was].filter((person) => memberOf(next, person) === undefined);
    for (const person of added) await setMembership(tx, person, entry.group, null);
    for (const person of gone) await setMembership(tx, person, entry.group, next.epoch);
    return { state: next, before, after };
  }

  /** Every device that has no copy yet must get one in the same commit: nobody is left who cannot read. @throws KuvertError `devices_changed` */
  function keepCopies(
    tx: TenantTx,
    caller: GroupCaller,
    parts: {
      after: GroupSetRow;
      keys: readonly GroupKeyCopy[];
      next: GroupState;
      needy: readonly PersonId[];
    },
  ): void {
    const { after, keys, next, needy } = parts;
    const needed = new Set(
      after.members.flatMap((member) => (needy.includes(member.person) ? member.devices : [])),
    );
    needed.delete(caller.deviceId);
    const given = new Map(keys.map(({ device, sealed }) => [device, sealed]));
    const missing = [...needed].filter((device) => !given.has(device));
    const extra = [...given.keys()].filter((device) => !needed.has(device));
    if (missing.length > 0 || extra.length > 0 || given.size !== keys.length) {
      const details = { missing: missing.slice(0, 64), extra: extra.slice(0, 64) };
      throw new KuvertError('devices_changed', { details });
    }
    const expiresAt = clock.nowMs() + KEY_COPY_KEPT_MS;
    for (const [device, sealed] of given) {
      tx.apply(store.ops.put(groupKeyCopies, [device, next.group, next.key.number], sealed, expiresAt));
    }
  }

  async function setMembership(
    tx: TenantTx,
    personId: PersonId,
    group: GroupId,
    until: number | null,
  ): Promise<void> {
    const row = await tx.find(groupMemberships, personId);
    const others = row?.groups.filter((one) => one.group !== group) ?? [];
    if (until === null && others.length >= GROUP_LIMITS.groupsMax) throw new KuvertError('group_full');
    tx.put(groupMemberships, { personId, groups: [...others, { group, until }] });
  }

  /** True when this very entry is in the log already. */
  async function isRepeated(tx: TenantTx, entry: GroupEntry, signed: Signed): Promise<boolean> {
    const row = await tx.find(groupEntries, entry.group, entry.seq);
    return row !== undefined && equalBytes(signedOf(row.value).bytes, signed.bytes);
  }

  /** The last epoch that a person may see of a log. @throws KuvertError `not_found` */
  async function visibleEpoch(scope: TenantScope, personId: PersonId, group: GroupId): Promise<number> {
    const memberships = await scope.find(groupMemberships, personId);
    const found = memberships?.groups.find((one) => one.group === group);
    if (found === undefined) throw new KuvertError('not_found');
    return found.until ?? (await scope.get(groups, group)).epoch;
  }

  return {
    /** @throws KuvertError as `groups.change` says */
    async change(
      caller: GroupCaller,
      { entry: signed, keys }: { entry: Signed; keys: readonly GroupKeyCopy[] },
    ): Promise<{ epoch: number }> {
      const { scope } = caller;
      const entry = entryOf(caller, signed);
      const done = await scope.write((tx) => commit(tx, caller, { entry, signed, keys }));
      if (done === undefined) return { epoch: entry.seq };
      onChanged();
      directory.forget(scope.tenant, entry.group);
      const told = new Set<DeviceId>();
      for (const { devices } of [...(done.before?.members ?? []), ...(done.after?.members ?? [])]) {
        for (const device of devices) told.add(device);
      }
      told.delete(caller.deviceId);
      tell(scope, told, { group: entry.group, epoch: entry.seq });
      return { epoch: entry.seq };
    },

    async log(caller: GroupCaller, { group, after }: { group: GroupId; after: number }) {
      const { scope, personId, deviceId } = caller;
      const epoch = await visibleEpoch(scope, personId, group);
      const entries: Signed[] = [];
      let bytes = 0;
      const { rows } =
        after >= epoch
          ? { rows: [] }
          : await scope.list(groupEntries, {
              equals: [group],
              from: after + 1,
              before: epoch + 1,
              limit: GROUP_LIMITS.entriesMax,
            });
      for (const row of rows) {
        bytes += row.value.length;
        if (entries.length > 0 && bytes > LOG_BYTES_MAX) break;
        entries.push(signedOf(row.value));
      }
      const copies = await scope.list(groupKeyCopies, {
        equals: [deviceId, group],
        order: 'desc',
        limit: KEYS_MAX,
      });
      const keys = copies.rows.map((row) => ({ number: row.key[2], sealed: Uint8Array.from(row.value) }));
      return { entries, epoch, keys };
    },

    async list({ scope, personId }: GroupCaller, skip: number) {
      const memberships = await scope.find(groupMemberships, personId);
      const all = (memberships?.groups ?? []).toSorted((a, b) => (a.group < b.group ? -1 : 1));
      const page = all.slice(skip, skip + LIST_PAGE);
      const found: { group: GroupId; epoch: number }[] = [];
      for (const { group, until } of page) {
        const epoch = until ?? (await scope.find(groups, group))?.epoch;
        if (epoch !== undefined) found.push({ group, epoch });
      }
      return { groups: found, ...(page.length === LIST_PAGE && { next: skip + LIST_PAGE }) };
    },

    async devicesOf({ scope, personId }: GroupCaller, group: GroupId) {
      const set = directory.peek(scope.tenant, group) ?? (await directory.load(scope, group));
      if (set === undefined || !set.people.has(personId)) throw new KuvertError('not_found');
      // What is remembered may be out of date, and whoever asks wants to know what is.
      const present = (await directory.load(scope, group)) ?? set;
      return {
        epoch: present.epoch,
        set: Uint8Array.from(present.hash),
        members: present.members.map(({ person, deviceSet }) => ({ person, deviceSet })),
      };
    },

    /** Removes what lay ready for a device that is revoked. */
    async deviceGone(scope: TenantScope, deviceId: DeviceId): Promise<void> {
      for (;;) {
        const { rows } = await scope.list(groupKeyCopies, { equals: [deviceId], limit: 500 });
        if (rows.length === 0) return;
        await scope.commit(rows.map((row) => store.ops.delete(groupKeyCopies, row.storedKey)));
      }
    },
  };
}

/** A fault of an entry as the caller is to hear of it. */
function inOurWords<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof GroupLogError)) throw cause;
    const codes = {
      other: 'group_invalid',
      invalid: 'group_invalid',
      unsigned: 'group_forbidden',
      forbidden: 'group_forbidden',
      full: 'group_full',
    } as const;
    throw new KuvertError(codes[cause.fault], { cause });
  }
}

function bytesOf({ signature, bytes }: Signed): Uint8Array<ArrayBuffer> {
  return concatBytes(signature, bytes);
}

function signedOf(row: Uint8Array): Signed {
  return {
    alg: KEY_ALGORITHMS.ed25519,
    signature: Uint8Array.from(row.subarray(0, SIGNATURE_BYTES)),
    bytes: Uint8Array.from(row.subarray(SIGNATURE_BYTES)),
  };
}

function stateOf(scope: TenantScope, row: RowOf<typeof groups>): GroupState {
  const { profile, createdAt: _, ...rest } = row;
  return { ...rest, tenant: scope.tenant, profile: profile ?? undefined };
}

function rowOf(state: GroupState, createdAt: number): RowOf<typeof groups> {
  const { tenant: _, profile, members, former, ...rest } = state;
  return { ...rest, members: [...members], former: [...former], profile: profile ?? null, createdAt };
}
