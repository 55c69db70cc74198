/** Groups of the server double: as honest as the real server unless a test gives it a lie, and open to be looked into. */
import {
  applyEntry,
  entryHash,
  GroupLogError,
  type GroupState,
  groupSetHash,
  memberOf,
  readEntry,
} from '@kuvert/crypto/groups';
import { deviceSetHash } from '@kuvert/crypto/identity';
import {
  type DeviceId,
  equalBytes,
  type GroupId,
  type GroupKeyCopy,
  KuvertError,
  type PersonId,
  type Signed,
} from '@kuvert/protocol';
import type { MethodResult } from '../../ports.ts';

/** What the double has to know of people. */
export interface GroupPeople {
  /** Hash of the list and devices that are delivered to; undefined for nobody. */
  devicesOf(
    person: PersonId,
  ): { readonly listHash: Uint8Array<ArrayBuffer>; readonly devices: DeviceId[] } | undefined;
  tell(device: DeviceId, change: { group: GroupId; epoch: number }): void;
}

/** Where a test steps in. */
export interface GroupLies {
  /** Another answer to `groups.log`. */
  log?: (honest: MethodResult<'groups.log'>, device: DeviceId) => MethodResult<'groups.log'>;
}

interface KeptGroup {
  state: GroupState;
  readonly entries: Signed[];
  readonly copies: Map<DeviceId, { number: number; sealed: Uint8Array<ArrayBuffer> }[]>;
  /** Those who were members, and up to which epoch. */
  readonly until: Map<PersonId, number>;
}

/** @see the top of this file */
export class GroupsDouble {
  readonly lies: GroupLies = {};
  readonly #people: GroupPeople;
  readonly #groups = new Map<GroupId, KeptGroup>();

  constructor(people: GroupPeople) {
    this.#people = people;
  }

  /** All entries of a group, to be given out by a test. */
  entriesOf(group: GroupId): readonly Signed[] {
    return this.#get(group).entries;
  }

  /** All that is kept of a group, as whoever has stolen it would see it: the log, and everybody's copies of its keys. */
  dump(group: GroupId): MethodResult<'groups.log'> {
    const { entries, state, copies } = this.#get(group);
    return { entries, epoch: state.epoch, keys: [...copies.values()].flat() };
  }

  /** Devices that a message must reach, if it names the present set. @throws KuvertError `not_found`, `group_changed` */
  targets(group: GroupId, from: { person: PersonId; device: DeviceId }, set: Uint8Array): DeviceId[] {
    const { state } = this.#get(group);
    if (state.isDissolved || memberOf(state, from.person) === undefined) throw new KuvertError('not_found');
    if (!equalBytes(this.#setOf(state), set)) {
      throw new KuvertError('group_changed', { details: { epoch: state.epoch } });
    }
    return this.#devicesOf(state).filter((device) => device !== from.device);
  }

  change(
    caller: { person: PersonId; device: DeviceId },
    { entry: signed, keys }: { readonly entry: Signed; readonly keys: readonly GroupKeyCopy[] },
  ): MethodResult<'groups.change'> {
    const entry = readEntry(signed);
    const kept = this.#groups.get(entry.group);
    const state = kept?.state;
    if (state && (entry.seq !== state.epoch + 1 || !equalBytes(entry.prevHash, state.head))) {
      throw new KuvertError('group_changed', { details: { epoch: state.epoch } });
    }
    if (state && memberOf(state, caller.person) === undefined) throw new KuvertError('not_found');
    let next: GroupState;
    try {
      next = applyEntry(state, entry, entryHash(signed));
    } catch (cause) {
      if (!(cause instanceof GroupLogError)) throw cause;
      const code =
        cause.fault === 'forbidden' || cause.fault === 'full'
          ? (`group_${cause.fault}` as const)
          : 'group_invalid';
      throw new KuvertError(code, { cause });
    }
    const before = state === undefined ? [] : this.#devicesOf(state);
    const needy = next.members.filter(
      ({ person }) => entry.key !== undefined || memberOf(state, person) === undefined,
    );
    const needed = needy
      .flatMap(({ person }) => this.#people.devicesOf(person)?.devices ?? [])
      .filter((device) => device !== caller.device);
    if (
      !next.isDissolved &&
      needed.toSorted().join() !==
        keys
          .map(({ device }) => device)
          .sort()
          .join()
    ) {
      throw new KuvertError('devices_changed', { details: { missing: [], extra: [] } });
    }
    const group: KeptGroup = kept ?? { state: next, entries: [], copies: new Map(), until: new Map() };
    this.#groups.set(entry.group, group);
    group.state = next;
    group.entries.push(signed);
    for (const { person } of next.members) group.until.delete(person);
    for (const { person } of state?.members ?? []) {
      if (memberOf(next, person) === undefined) group.until.set(person, next.epoch);
    }
    for (const { device, sealed } of keys) {
      const copy = { number: next.key.number, sealed };
      group.copies.set(device, [...(group.copies.get(device) ?? []), copy]);
    }
    const told = new Set([...before, ...this.#devicesOf(next)]);
    told.delete(caller.device);
    for (const device of told) this.#people.tell(device, { group: entry.group, epoch: next.epoch });
    return { epoch: next.epoch };
  }

  log(
    caller: { person: PersonId; device: DeviceId },
    { group, after }: { readonly group: GroupId; readonly after: number },
  ): MethodResult<'groups.log'> {
    const kept = this.#get(group);
    const isMember = memberOf(kept.state, caller.person) !== undefined;
    const epoch = isMember ? kept.state.epoch : kept.until.get(caller.person);
    if (epoch === undefined) throw new KuvertError('not_found');
    const honest = {
      entries: kept.entries.slice(after, epoch),
      epoch,
      keys: kept.copies.get(caller.device) ?? [],
    };
    return this.lies.log?.(honest, caller.device) ?? honest;
  }

  list(person: PersonId): MethodResult<'groups.list'> {
    const groups = [...this.#groups].flatMap(([group, { state, until }]) => {
      const epoch = memberOf(state, person) === undefined ? until.get(person) : state.epoch;
      return epoch === undefined ? [] : [{ group, epoch }];
    });
    return { groups };
  }

  devices(person: PersonId, group: GroupId): MethodResult<'groups.devices'> {
    const { state } = this.#get(group);
    if (memberOf(state, person) === undefined || state.isDissolved) throw new KuvertError('not_found');
    return { epoch: state.epoch, set: this.#setOf(state), members: this.#membersOf(state) };
  }

  #get(group: GroupId): KeptGroup {
    const kept = this.#groups.get(group);
    if (kept === undefined) throw new KuvertError('not_found');
    return kept;
  }

  #membersOf(state: GroupState) {
    return state.members.map(({ person }) => {
      const set = this.#people.devicesOf(person);
      if (set === undefined) throw new KuvertError('no_device');
      return { person, deviceSet: deviceSetHash(set.listHash, set.devices) };
    });
  }

  #setOf(state: GroupState): Uint8Array<ArrayBuffer> {
    return groupSetHash(state.head, this.#membersOf(state));
  }

  #devicesOf(state: GroupState): DeviceId[] {
    return state.members.flatMap(({ person }) => this.#people.devicesOf(person)?.devices ?? []);
  }
}
