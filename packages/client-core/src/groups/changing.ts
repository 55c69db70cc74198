/**
 * Making an entry of a membership log: what is to change is decided on the log as it is, signed by this device, and appended only if nobody
 * was faster; then it is decided anew. A new group key goes along, sealed to every device that is to have it.
 */
import { type GroupState, signEntry } from '@kuvert/crypto/groups';
import { type GroupKey, groupKeyHash, sealGroupKey, sealProfile } from '@kuvert/crypto/session';
import {
  type CborValue,
  encodeCbor,
  type GroupAction,
  type GroupId,
  type GroupKeyCopy,
  type GroupPicture,
  type GroupRole,
  KuvertError,
  type PersonId,
} from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { activeDevices, type Directory } from '../directory.ts';
import type { Connection } from '../ports.ts';
import type { GroupLogs } from './log-sync.ts';
import { inTurns, refreshMembers } from './members.ts';
import { pictureOf } from './profile.ts';
import { requireMember } from './standing.ts';
import type { GroupRow } from './store.ts';

/** How often a change that somebody was faster than is decided anew. */
const TRIES_MAX = 6;

/** What is to change. */
export interface GroupChange {
  readonly action: GroupAction;
  readonly people?: readonly PersonId[];
  readonly role?: GroupRole;
  readonly title?: string;
  /** Where this is one of several changes that were asked for together: for how many people it is done, and how many they all are for. */
  readonly part?: { readonly done: number; readonly total: number };
  /** `none` takes it away. */
  readonly picture?: GroupPicture | 'none';
}

/** @see the top of this file */
export class GroupChanges {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #logs: GroupLogs;

  constructor(context: Context, directory: Directory, logs: GroupLogs) {
    this.#context = context;
    this.#directory = directory;
    this.#logs = logs;
  }

  /** Makes a group of oneself and others. @throws KuvertError as `groups.change` says, and as `Directory.refresh` */
  async create(
    connection: Connection,
    group: { readonly groupId: GroupId } & Omit<GroupChange, 'action'>,
  ): Promise<GroupRow> {
    const { groupId, ...change } = group;
    await this.#append(connection, groupId, undefined, { action: 'create', ...change });
    return this.#present(connection, group.groupId);
  }

  /**
   * Changes a group.
   * @param decide looks at the group as it is; undefined: there is nothing to do any more
   */
  async change(
    connection: Connection,
    groupId: GroupId,
    decide: (state: GroupState) => GroupChange | undefined,
  ): Promise<GroupRow> {
    let last: KuvertError | undefined;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const row = await this.#present(connection, groupId);
      const change = decide(row.state);
      if (change === undefined) return row;
      try {
        await this.#append(connection, groupId, row, change);
        return await this.#present(connection, groupId);
      } catch (error) {
        if (!(error instanceof KuvertError) || error.retry.kind !== 'resync') throw error;
        last = error;
      }
    }
    throw last ?? new KuvertError('group_changed');
  }

  async #present(connection: Connection, groupId: GroupId): Promise<GroupRow> {
    const row = await this.#logs.fetch(connection, groupId);
    if (row === undefined) throw new KuvertError('not_found');
    return row;
  }

  async #append(
    connection: Connection,
    groupId: GroupId,
    row: GroupRow | undefined,
    change: GroupChange,
  ): Promise<void> {
    const { own, store, random, serverOffset } = this.#context;
    const { action, people = [], role } = change;
    const state = row?.state;
    if (state !== undefined) requireMember(state, own.personId);
    const isNewKey = action !== 'leave' && action !== 'dissolve' && this.#needsKey(state, action);
    const key: GroupKey | undefined = isNewKey
      ? { number: (state?.key.number ?? 0) + 1, key: random(32) }
      : state && store.groups.getKey(groupId, state.key.number);
    const profile = this.#profileFor(groupId, row, { ...change, key, isNewKey });
    const signed = signEntry(own.receiptPrivateKey, {
      v: 1,
      tenant: own.tenantId,
      group: groupId,
      seq: (state?.epoch ?? 0) + 1,
      prevHash: state?.head ?? new Uint8Array(32),
      at: Math.floor(serverOffset.now()),
      person: own.personId,
      device: own.deviceId,
      action,
      ...(people.length > 0 && { people: [...people] }),
      ...(role && { role }),
      ...(isNewKey && key && { key: { number: key.number, hash: groupKeyHash(groupId, key.key) } }),
      ...(profile && { profile }),
    });
    const keys = await this.#copiesFor(connection, groupId, { state, change, key, isNewKey });
    await connection.request('groups.change', { entry: signed, keys });
    if (isNewKey && key !== undefined) this.#keepKey(groupId, key);
  }

  #needsKey(state: GroupState | undefined, action: GroupAction): boolean {
    return state === undefined || action === 'remove' || action === 'rekey' || state.isKeyDue;
  }

  /** The log says what it is as soon as it is fetched; until then it is only ours. */
  #keepKey(groupId: GroupId, key: GroupKey): void {
    const { store } = this.#context;
    store.transaction(() => {
      store.groups.putKeyHash(groupId, key.number, groupKeyHash(groupId, key.key));
      store.groups.putKey(groupId, key);
    });
  }

  #profileFor(
    groupId: GroupId,
    row: GroupRow | undefined,
    change: GroupChange & { readonly key: GroupKey | undefined; readonly isNewKey: boolean },
  ): Uint8Array<ArrayBuffer> | undefined {
    const { own, random } = this.#context;
    const { action, title, picture, key, isNewKey } = change;
    const isAgain = isNewKey && row?.state.profile !== undefined;
    if (action !== 'create' && action !== 'profile' && !isAgain) return undefined;
    if (key === undefined) throw new KuvertError('group_changed');
    const name = { tenant: own.tenantId, group: groupId };
    const kept = picture ?? (row && pictureOf(this.#context, groupId, row.state));
    const profile = {
      title: title ?? row?.title ?? '',
      ...(kept !== undefined && kept !== 'none' && { picture: kept }),
    };
    return sealProfile(name, key, random(12), encodeCbor(profile as CborValue));
  }

  /** Copies of the key for every device that does not have it. */
  async #copiesFor(
    connection: Connection,
    groupId: GroupId,
    parts: {
      readonly state: GroupState | undefined;
      readonly change: GroupChange;
      readonly key: GroupKey | undefined;
      readonly isNewKey: boolean;
    },
  ): Promise<GroupKeyCopy[]> {
    const { own, store } = this.#context;
    const { state, change, key, isNewKey } = parts;
    const added = change.action === 'create' || change.action === 'add' ? (change.people ?? []) : [];
    const gone = change.action === 'remove' ? (change.people ?? []) : [];
    const members = state?.members.map(({ person }) => person) ?? [own.personId];
    const needy = isNewKey ? [...members, ...added].filter((person) => !gone.includes(person)) : added;
    if (needy.length === 0) return [];
    if (key === undefined) throw new KuvertError('group_changed');
    if (isNewKey && state !== undefined) {
      await refreshMembers(this.#context, this.#directory, connection, { groupId, state });
    }
    // Of who is new the present list is asked for: what is known may be old.
    const unknown = needy.filter(
      (person) => added.includes(person) || store.directory.getAccount(person) === undefined,
    );
    const { done: before, total } = change.part ?? { done: 0, total: unknown.length };
    await inTurns(
      unknown,
      (person) => this.#directory.refresh(connection, person),
      (done) =>
        this.#context.progress.tell({ work: 'asking-for-devices', groupId, done: before + done, total }),
    );
    const name = { tenant: own.tenantId, group: groupId };
    return needy.flatMap((person) => {
      const account = store.directory.getAccount(person);
      if (account === undefined) throw new KuvertError('not_found');
      const active = new Set(activeDevices(account));
      return account.list.devices
        .filter(({ device }) => active.has(device) && device !== own.deviceId)
        .map(({ device, identityKey }) => ({
          device,
          sealed: sealGroupKey(name, key, { device, identityKey }),
        }));
    });
  }
}
