/**
 * Membership logs on this device: fetched, verified against what is pinned of their signers, and only then believed. What the server says of a
 * group beyond that is not used: a member whom nobody has signed in, an entry that was taken back, another history than the one known here.
 */
import { GroupLogError, groupConversationId, type VerifiedEntry, verifyLog } from '@kuvert/crypto/groups';
import { type GroupKey, groupKeyHash, openGroupKey, SessionError } from '@kuvert/crypto/session';
import {
  decodeCbor,
  equalBytes,
  type GroupEntry,
  type GroupId,
  KuvertError,
  type PersonId,
  type Signed,
} from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { conversationOf } from '../conversations/known.ts';
import type { Directory } from '../directory.ts';
import type { Connection, MethodResult } from '../ports.ts';
import { keepGroupChanges } from './changes.ts';
import { openGroupProfile } from './profile.ts';
import type { GroupRow } from './store.ts';

/** Answers of one log that are fetched at once at most. */
const PAGES_MAX = 10_000;

/** Fetches logs; of one group one at a time. */
export class GroupLogs {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #onMembers: (groupId: GroupId) => void;
  readonly #running = new Map<GroupId, Promise<GroupRow | undefined>>();

  /** @param onMembers called when a group has members that it did not have before */
  constructor(context: Context, directory: Directory, onMembers: (groupId: GroupId) => void) {
    this.#context = context;
    this.#directory = directory;
    this.#onMembers = onMembers;
  }

  /**
   * Brings a log up to date.
   * @returns the group as it is now; undefined for one that the server does not know, or does not let us see
   * @throws KuvertError `group_not_trusted` (a notice is kept), and what ends a connection
   */
  fetch(connection: Connection, groupId: GroupId): Promise<GroupRow | undefined> {
    const before = this.#running.get(groupId) ?? Promise.resolve();
    const mine = before.then(
      () => this.#fetch(connection, groupId),
      () => this.#fetch(connection, groupId),
    );
    this.#running.set(groupId, mine);
    const done = () => {
      if (this.#running.get(groupId) === mine) this.#running.delete(groupId);
    };
    mine.then(done, done);
    return mine;
  }

  /** Fetches the logs that have grown. */
  async fetchAll(connection: Connection): Promise<void> {
    let skip: number | undefined = 0;
    do {
      const page: MethodResult<'groups.list'> = await connection.request('groups.list', { skip });
      for (const { group, epoch } of page.groups) {
        const known = this.#context.store.groups.get(group)?.state.epoch ?? 0;
        if (epoch === known) continue;
        try {
          await this.fetch(connection, group);
        } catch (error) {
          // A notice says so; other groups are none the worse for it.
          if (!(error instanceof KuvertError) || error.code !== 'group_not_trusted') throw error;
        }
      }
      skip = page.next;
    } while (skip !== undefined);
  }

  async #fetch(connection: Connection, groupId: GroupId): Promise<GroupRow | undefined> {
    const { store } = this.#context;
    const signed: Signed[] = [];
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const known = store.groups.get(groupId);
      const have = (known?.state.epoch ?? 0) + signed.length;
      let answer: MethodResult<'groups.log'>;
      try {
        answer = await connection.request('groups.log', { group: groupId, after: have });
      } catch (error) {
        if (error instanceof KuvertError && error.code === 'not_found') return known;
        throw error;
      }
      signed.push(...answer.entries);
      const isWhole = have + answer.entries.length >= answer.epoch || answer.entries.length === 0;
      // What members have once verified does not un-happen.
      if (answer.epoch < (known?.state.epoch ?? 0)) this.#refuse(groupId);
      if (!isWhole) continue;
      return this.#take(connection, groupId, { signed, keys: answer.keys });
    }
    return this.#refuse(groupId);
  }

  async #take(
    connection: Connection,
    groupId: GroupId,
    { signed, keys }: { signed: readonly Signed[]; keys: MethodResult<'groups.log'>['keys'] },
  ): Promise<GroupRow | undefined> {
    const { store, own } = this.#context;
    await this.#learnSigners(connection, signed);
    const before = store.groups.get(groupId);
    try {
      const verified = verifyLog(before?.state, signed, {
        tenant: own.tenantId,
        group: groupId,
        signingKey: (person, device) =>
          store.directory.getAccount(person)?.list.devices.find((entry) => entry.device === device)
            ?.receiptKey,
      });
      if (verified.state === undefined) return undefined;
      const { state, entries } = verified;
      const row = store.transaction(() => {
        const conversationId = groupConversationId(own.tenantId, groupId);
        store.groups.addEntries(
          groupId,
          entries.map(({ entry, hash, signed: bytes }) => ({ epoch: entry.seq, hash, signed: bytes })),
        );
        for (const { entry } of entries) {
          if (entry.key) this.#nameKey(groupId, entry.key);
        }
        this.#takeCopies(groupId, keys);
        const title = this.#lastTitle(groupId, before, entries);
        const row = this.#titled({ groupId, conversationId, state, title });
        store.groups.put(row);
        this.#keep(before, row, entries);
        store.notices.withdraw({ kind: 'group_problem', groupId });
        return row;
      });
      if (entries.some(({ entry }) => entry.people !== undefined)) this.#onMembers(groupId);
      return row;
    } catch (error) {
      if (!(error instanceof GroupLogError)) throw error;
      return this.#refuse(groupId);
    }
  }

  #keep(before: GroupRow | undefined, row: GroupRow, entries: readonly VerifiedEntry[]): void {
    const { changes } = this.#context;
    const { groupId, conversationId } = row;
    conversationOf(this.#context, groupId);
    keepGroupChanges(
      this.#context,
      row,
      before === undefined,
      entries.map(({ entry }) => entry),
    );
    changes.settingsOf(conversationId);
  }

  /** Opens what is sealed to this device and fits what the log says of it. */
  #takeCopies(groupId: GroupId, keys: MethodResult<'groups.log'>['keys']): void {
    const { own } = this.#context;
    for (const { number, sealed } of keys) {
      const name = { tenant: own.tenantId, group: groupId };
      const device = { device: own.deviceId, identityPrivateKey: own.identityPrivateKey };
      try {
        this.takeKey(groupId, openGroupKey(name, number, device, sealed));
      } catch (error) {
        if (!(error instanceof SessionError)) throw error;
      }
    }
  }

  /** What a key must be; one that came before is kept if it is that. */
  #nameKey(groupId: GroupId, { number, hash }: NonNullable<GroupEntry['key']>): void {
    const { groups } = this.#context.store;
    const early = groups.takeEarlyKey(groupId, number);
    groups.putKeyHash(groupId, number, hash);
    if (early !== undefined) this.takeKey(groupId, { number, key: early });
  }

  /** Keeps a group key if the log says that it is one, or until it does. True when it may be used and is new. */
  takeKey(groupId: GroupId, key: GroupKey): boolean {
    const { groups } = this.#context.store;
    if (groups.getKey(groupId, key.number) !== undefined) return false;
    const hash = groups.getKeyHash(groupId, key.number);
    if (hash === undefined) {
      groups.putKey(groupId, key);
      return false;
    }
    if (!equalBytes(hash, groupKeyHash(groupId, key.key))) return false;
    groups.putKey(groupId, key);
    return true;
  }

  /** The title may be readable by now. Runs in a transaction. */
  retitle(groupId: GroupId): void {
    const { store, changes } = this.#context;
    const row = store.groups.get(groupId);
    if (row === undefined) return;
    const titled = this.#titled(row);
    if (titled.title === row.title) return;
    store.groups.put(titled);
    changes.settingsOf(row.conversationId);
  }

  /** Who was removed has no key for what follows, and keeps the last title that was for them. */
  #lastTitle(groupId: GroupId, before: GroupRow | undefined, entries: readonly VerifiedEntry[]): string {
    let title = before?.title ?? '';
    let keyNumber = before?.state.key.number ?? 1;
    for (const { entry } of entries) {
      keyNumber = entry.key?.number ?? keyNumber;
      if (entry.profile !== undefined) title = this.#open(groupId, keyNumber, entry.profile) ?? title;
    }
    return title;
  }

  #titled(row: GroupRow): GroupRow {
    const { profile } = row.state;
    const title = profile && this.#open(row.groupId, profile.keyNumber, profile.sealed);
    return title === undefined ? row : { ...row, title };
  }

  /** The title in a profile; undefined without its key, and for what a member has sealed that is none. */
  #open(groupId: GroupId, keyNumber: number, sealed: Uint8Array): string | undefined {
    return openGroupProfile(this.#context, groupId, keyNumber, sealed)?.title;
  }

  /** Who has signed has to be known, as far as the server lets us know them. */
  async #learnSigners(connection: Connection, signed: readonly Signed[]): Promise<void> {
    const { store } = this.#context;
    const asked = new Set<PersonId>();
    for (const { bytes } of signed) {
      const { person, device } = signerOf(bytes);
      if (person === undefined || asked.has(person)) continue;
      const list = store.directory.getAccount(person)?.list;
      if (list?.devices.some((entry) => entry.device === device)) continue;
      asked.add(person);
      try {
        await this.#directory.refresh(connection, person);
        if (store.directory.getPerson(person) === undefined) {
          await this.#directory.learnPerson(connection, person);
        }
      } catch (error) {
        if (!(error instanceof KuvertError) || error.retry.kind !== 'never') throw error;
      }
    }
  }

  #refuse(groupId: GroupId): never {
    const { store, clock } = this.#context;
    const code = 'group_not_trusted' as const;
    store.notices.add({ kind: 'group_problem', atMs: clock.now(), groupId, code });
    throw new KuvertError(code);
  }
}

/** Who says to have signed; looked at before anything is verified, only to know whose keys are needed. */
function signerOf(bytes: Uint8Array): Partial<Pick<GroupEntry, 'person' | 'device'>> {
  try {
    const { person, device } = decodeCbor(bytes) as Partial<GroupEntry>;
    return { ...(person && { person }), ...(device && { device }) };
  } catch {
    return {};
  }
}
