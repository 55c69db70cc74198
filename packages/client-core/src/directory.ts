/**
 * Who is who, as far as signatures hold: every record of the server goes through `verifyAccount` against the pinned root
 * and what is pinned of the person, and only then is kept (wire.md §2). What does not verify becomes a notice and is not used.
 */
import { type KeyChangeKind, verifyAccount, verifyFormerDevice } from '@kuvert/crypto/identity';
import {
  type AccountRecord,
  type DeviceId,
  equalBytes,
  KuvertError,
  type ListedDevice,
  type Person,
  type PersonId,
  type PrekeyBundle,
} from '@kuvert/protocol';
import { type Context, newId } from './context.ts';
import { tellName } from './device-names.ts';
import { tellGroupKeys } from './groups/tell-keys.ts';
import type { Connection } from './ports.ts';
import type { KnownAccount } from './store.ts';
import { tellKeyChanges } from './trust/key-events.ts';
import { tellAllChoices } from './trust/own-choices.ts';

/** A repeated take gives the same answer for ten minutes; one minute is left for clocks and the way. */
const TAKE_REPEATABLE_MS = 9 * 60_000;

/** Between the signature under a list and its commit at the server, what a device sends on leaving included. */
const LEAVING_MAX_MS = 10 * 60_000;

/** People, verified accounts and the prekeys taken for them. */
export class Directory {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Verifies and pins what the server says of a person.
   * @throws KuvertError `identity_not_trusted`, `identity_rolled_back`, `identity_changed`; a notice is kept then
   */
  pin(record: AccountRecord, personId: PersonId, active: readonly DeviceId[]): KnownAccount {
    const { store, clock } = this.#context;
    try {
      return this.#verifyAndKeep(record, personId, active);
    } catch (error) {
      if (!(error instanceof KuvertError)) throw error;
      store.notices.add({ kind: 'identity_problem', atMs: clock.now(), personId, code: error.code });
      throw error;
    }
  }

  #verifyAndKeep(record: AccountRecord, personId: PersonId, active: readonly DeviceId[]): KnownAccount {
    const { store, own } = this.#context;
    const known = store.directory.getAccount(personId);
    const pinned = known?.pin;
    const verified = verifyAccount(record, {
      tenantId: own.tenantId,
      root: own.root,
      personId,
      ...(pinned && { pinned }),
    });
    for (const { device } of verified.list.devices) {
      const owner = store.directory.findOwner(device);
      if (
        (owner !== undefined && owner !== personId) ||
        (device === own.deviceId && personId !== own.personId)
      ) {
        throw new KuvertError('identity_not_trusted');
      }
    }
    const { list } = verified;
    const inactive = list.devices.map(({ device }) => device).filter((device) => !active.includes(device));
    const account: KnownAccount = { personId, pin: verified.pin, list, inactive };
    store.transaction(() => {
      if (isNews(known, account)) {
        store.directory.putAccount(account);
        this.#accountChanged(known, account, verified.keyChange);
      }
      store.notices.withdraw({ kind: 'identity_problem', personId });
    });
    return account;
  }

  /** Asks for the present list of a person. @throws KuvertError as {@link Directory.pin}, `not_found` */
  async refresh(connection: Connection, personId: PersonId): Promise<KnownAccount> {
    const { account, active } = await connection.request('devices.list', { personId });
    return this.pin(account, personId, active);
  }

  /** Nobody waits any more for a device that is gone; changes of one's own devices are told. */
  #accountChanged(
    before: KnownAccount | undefined,
    after: KnownAccount,
    keyChange: KeyChangeKind | undefined,
  ): void {
    const { store, own, clock } = this.#context;
    if (before === undefined) return;
    tellKeyChanges(this.#context, before, after, keyChange);
    const was = activeDevices(before);
    const is = activeDevices(after);
    const gone = was.filter((device) => !is.includes(device));
    for (const device of gone) store.outbox.forgetDevice(device, clock.now());
    if (after.personId !== own.personId) {
      // Under keys that only the organisation vouches for, what was written before goes out only when its author says so.
      if (is.length > 0) {
        store.outbox.resendUnreached(after.personId, keyChange === 'reset' ? 'keys_unconfirmed' : undefined);
      }
      return;
    }
    const tell = (kind: 'device_linked' | 'device_revoked', deviceId: DeviceId) =>
      store.notices.add({ kind, atMs: clock.now(), personId: own.personId, deviceId });
    // This one counts as gone until it has brought its first prekeys; if it is revoked, it learns so otherwise.
    for (const device of gone) if (device !== own.deviceId) tell('device_revoked', device);
    if (is.some((device) => device !== own.deviceId && !was.includes(device))) {
      tellName(this.#context, own.deviceId);
      tellAllChoices(this.#context);
      tellGroupKeys(this.#context);
    }
    const listedBefore = new Set(before.list.devices.map(({ device }) => device));
    for (const { device } of after.list.devices) {
      if (!listedBefore.has(device) && device !== own.deviceId) tell('device_linked', device);
    }
  }

  /**
   * Takes prekeys of all devices of a person. An interrupted take is repeated under the same id, so no keys are lost by it.
   * @returns bundles of listed devices only
   * @throws KuvertError as {@link Directory.pin}, `not_found`, `no_device`, `rate_limited`
   */
  async take(
    connection: Connection,
    personId: PersonId,
  ): Promise<{ account: KnownAccount; bundles: Map<DeviceId, PrekeyBundle> }> {
    const { store, own, clock } = this.#context;
    let take = store.directory.getTake(personId);
    const age = take === undefined ? 0 : clock.now() - take.atMs;
    const isRepeated = take !== undefined && age >= 0 && age <= TAKE_REPEATABLE_MS;
    if (take === undefined || !isRepeated) {
      take = { requestId: newId(this.#context, 'request'), atMs: clock.now() };
      const { requestId, atMs } = take;
      // A power cut may forget it, at the price of a prekey.
      store.lightTransaction(() => store.directory.putTake(personId, requestId, atMs));
    }
    const answer = await connection.request('prekeys.take', { personId, requestId: take.requestId });
    const active = answer.bundles.map((bundle) => bundle.device);
    // One's own device takes nothing for itself.
    if (personId === own.personId) active.push(own.deviceId);
    let account: KnownAccount;
    try {
      account = isRepeated
        ? this.#verifyAndKeep(answer.account, personId, active)
        : this.pin(answer.account, personId, active);
    } catch (error) {
      if (!isRepeated || !(error instanceof KuvertError)) throw error;
      // A repeated take is answered with what was so when it was first made, and a newer list may have come since by another way.
      store.directory.deleteTake(personId);
      return this.take(connection, personId);
    }
    const listed = new Set(account.list.devices.map((entry) => entry.device));
    const usable = answer.bundles.filter((bundle) => listed.has(bundle.device));
    return { account, bundles: new Map(usable.map((bundle) => [bundle.device, bundle])) };
  }

  /**
   * Asks the server whose device this is when {@link Directory.sender} does not know it.
   * @throws KuvertError `not_found`, `identity_not_trusted` (also for a device that its owner's list does not hold), …
   */
  async learnSender(connection: Connection, device: DeviceId, acceptedAtMs: number): Promise<void> {
    const { store } = this.#context;
    if (this.sender(device, acceptedAtMs) === undefined) {
      const answer = await connection.request('devices.owner', { deviceId: device });
      const { account: record, active, former } = answer;
      const { personId, list } = this.pin(record, record.person, active);
      const isListed = list.devices.some((listed) => listed.device === device);
      if (!isListed && former !== undefined && store.directory.findFormer(device) === undefined) {
        store.directory.putFormer({ personId, ...verifyFormerDevice(list, former, device) });
      }
    }
    const sender = this.sender(device, acceptedAtMs);
    if (sender === undefined) throw new KuvertError('identity_not_trusted');
    const isNameless = store.directory.getPerson(sender.personId) === undefined;
    if (isNameless) await this.learnPerson(connection, sender.personId);
  }

  /**
   * The verified entry of a device and whose it is; undefined when no pinned list holds it. One that was taken out since counts for what the
   * server had accepted from it before: that is not lost because its list was read first (P1).
   * @param acceptedAtMs when the server accepted what the device has sent
   */
  sender(device: DeviceId, acceptedAtMs: number): { personId: PersonId; entry: ListedDevice } | undefined {
    const { directory } = this.#context.store;
    const personId = directory.findOwner(device);
    const list = personId && directory.getAccount(personId)?.list;
    const entry = list?.devices.find((listed) => listed.device === device);
    if (personId && entry) return { personId, entry };
    const former = directory.findFormer(device);
    return former && acceptedAtMs <= former.removedAtMs + LEAVING_MAX_MS ? former : undefined;
  }

  /** Name and address for display; a server that does not tell leaves them unknown. */
  async learnPerson(connection: Connection, personId: PersonId): Promise<void> {
    try {
      const { person } = await connection.request('people.get', { personId });
      if (person.personId === personId) this.#context.store.directory.putPerson(person);
    } catch (error) {
      if (!(error instanceof KuvertError)) throw error;
    }
  }

  /** @throws KuvertError `recipient_unknown` */
  async findByMail(connection: Connection, mail: string): Promise<Person> {
    const { directory } = this.#context.store;
    const known = directory.findPersonByMail(mail);
    if (known !== undefined) return known;
    try {
      const { person } = await connection.request('people.find', { mail });
      if (person.mail !== mail) throw new KuvertError('bad_request');
      this.#context.store.lightTransaction(() => directory.putPerson(person));
      return person;
    } catch (error) {
      if (error instanceof KuvertError && error.code === 'not_found') {
        throw new KuvertError('recipient_unknown', { cause: error });
      }
      throw error;
    }
  }
}

/** Devices of a person to which the server delivers. */
export function activeDevices({ list, inactive }: KnownAccount): DeviceId[] {
  return list.devices.map(({ device }) => device).filter((device) => !inactive.includes(device));
}

function isNews(before: KnownAccount | undefined, after: KnownAccount): boolean {
  if (before === undefined || !equalBytes(before.pin.hash, after.pin.hash)) return true;
  return before.inactive.join() !== after.inactive.join();
}
