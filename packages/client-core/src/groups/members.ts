/** Devices of members as they are known here, held against what the server delivers to. */
import { type GroupState, groupSetHash } from '@kuvert/crypto/groups';
import { deviceSetHash } from '@kuvert/crypto/identity';
import { type DeviceId, equalBytes, type GroupId, KuvertError } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { activeDevices, type Directory } from '../directory.ts';
import type { Connection } from '../ports.ts';
import type { KnownAccount } from '../store.ts';

/** People of whom something is fetched at once; the server works on 32 requests of a connection. */
const PEOPLE_AT_ONCE = 16;
const TRIES_MAX = 3;

/** The devices of all members. */
export interface MemberDevices {
  /** What a submit names. */
  readonly hash: Uint8Array<ArrayBuffer>;
  readonly accounts: readonly KnownAccount[];
}

/** All devices that a message must reach, without this one. */
export function targetDevices({ own }: Context, { accounts }: MemberDevices): DeviceId[] {
  return accounts.flatMap((account) => activeDevices(account)).filter((device) => device !== own.deviceId);
}

/** Members and devices as they are known here; undefined when somebody is not known yet. */
function knownMembers({ store }: Context, state: GroupState): MemberDevices | undefined {
  const accounts: KnownAccount[] = [];
  for (const { person } of state.members) {
    const account = store.directory.getAccount(person);
    if (account === undefined) return undefined;
    accounts.push(account);
  }
  const members = accounts.map((account) => ({ person: account.personId, deviceSet: setOf(account) }));
  return { hash: groupSetHash(state.head, members), accounts };
}

/**
 * Asks the server whose devices have changed and fetches those lists.
 * @returns undefined when the log has to be fetched first
 * @throws KuvertError as `Directory.refresh`; `group_changed` when the server contradicts itself
 */
export async function refreshMembers(
  context: Context,
  directory: Directory,
  connection: Connection,
  group: { readonly groupId: GroupId; readonly state: GroupState },
): Promise<MemberDevices | undefined> {
  const { store } = context;
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const told = await connection.request('groups.devices', { group: group.groupId });
    if (told.epoch !== group.state.epoch) return undefined;
    const outdated = told.members.filter(({ person, deviceSet }) => {
      const known = store.directory.getAccount(person);
      return known === undefined || !equalBytes(setOf(known), deviceSet);
    });
    await inTurns(
      outdated.map(({ person }) => person),
      (person) => directory.refresh(connection, person),
      (done) =>
        context.progress.tell({
          work: 'asking-for-devices',
          groupId: group.groupId,
          done,
          total: outdated.length,
        }),
    );
    const members = knownMembers(context, group.state);
    if (members !== undefined && equalBytes(members.hash, told.set)) return members;
  }
  throw new KuvertError('group_changed');
}

/**
 * Runs for each person or address, some at once.
 * @param onDone is told of how many it is done
 */
export async function inTurns<T>(
  people: readonly T[],
  work: (person: T) => Promise<unknown>,
  onDone?: (done: number) => void,
): Promise<void> {
  for (let at = 0; at < people.length; at += PEOPLE_AT_ONCE) {
    const some = people.slice(at, at + PEOPLE_AT_ONCE);
    await Promise.all(some.map(work));
    onDone?.(at + some.length);
  }
}

function setOf(account: KnownAccount): Uint8Array<ArrayBuffer> {
  return deviceSetHash(Uint8Array.from(account.pin.hash), activeDevices(account));
}
