/**
 * A server in memory for the messenger's edge cases: honest unless a test gives it a `lie`. It speaks the ports, not bytes;
 * the real server is met in the journeys.
 */
import { randomBytes } from 'node:crypto';
import {
  certifyFirstAccount,
  createTenantIdentity,
  deviceSetHash,
  listHash,
  rootHash,
} from '@kuvert/crypto/identity';
import {
  type AccountRecord,
  type Delivery,
  type DeviceId,
  type EnrolmentToken,
  equalBytes,
  type GroupId,
  idToBytes,
  KuvertError,
  type MethodName,
  type Methods,
  makeId,
  type Person,
  type PersonId,
  type PrekeyBundle,
  type PrekeyUpload,
  SUITES,
  type Submit,
} from '@kuvert/protocol';
import type { EnrolmentConnection } from '../../enrolment.ts';
import type { Accepted, Connect, Connection, ConnectionEvents, MethodResult } from '../../ports.ts';
import { GroupsDouble } from './groups-double.ts';

type Submitted = Omit<Submit, 'requestNo'>;
type Finish = Methods['enrolment.finish']['params']['_zod']['output'];

/** Where a test steps in; each may be set and cleared at any time. */
export interface Lies {
  /** Another answer to `prekeys.take`. */
  take?: (honest: MethodResult<'prekeys.take'>) => MethodResult<'prekeys.take'>;
  /** Another record of a person, wherever one is given. */
  account?: (honest: AccountRecord) => AccountRecord;
  /** Refuses a submit before anything is stored or looked up. */
  refuse?: (submit: Submitted, from: DeviceId) => KuvertError | undefined;
  /** Stores, but the answer is lost and the connection with it. */
  loseAnswer?: (submit: Submitted) => boolean;
  /** What is put into the mailbox instead. */
  store?: (delivery: Omit<Delivery, 'deliverySeq'>, to: DeviceId) => Omit<Delivery, 'deliverySeq'>[];
}

interface Account {
  readonly person: Person;
  record: AccountRecord | undefined;
  readonly devices: Map<DeviceId, { -readonly [K in keyof PrekeyUpload]: PrekeyUpload[K] }>;
}

interface Open {
  readonly device: DeviceId;
  readonly events: ConnectionEvents;
  readonly sent: Map<number, Omit<Delivery, 'deliverySeq'>>;
  lastSeq: number;
  isOpen: boolean;
}

/** @see the top of this file */
export class ServerDouble {
  readonly tenantId = makeId('tenant', randomBytes(16));
  readonly lies: Lies = {};
  /** Devices for which nothing is stored until they come back, and since when. */
  readonly dormant = new Map<DeviceId, number>();
  /** Every submit that arrived, refused ones included. */
  readonly submits: (Submitted & { readonly from: DeviceId })[] = [];
  /** Every request that arrived. */
  readonly requests: MethodName[] = [];
  /** Groups, to be lied about and looked into. */
  readonly groups = new GroupsDouble({
    devicesOf: (person) => {
      const account = this.#accounts.get(person);
      if (account?.record === undefined) return undefined;
      return { listHash: listHash(account.record.deviceList), devices: [...account.devices.keys()] };
    },
    tell: (device, change) => this.#open.get(device)?.events.onEvent('groupChanged', change),
  });
  readonly #identity;
  readonly #nowMs: () => number;
  readonly #accounts = new Map<PersonId, Account>();
  readonly #mailboxes = new Map<DeviceId, Omit<Delivery, 'deliverySeq'>[]>();
  readonly #answers = new Map<string, Accepted>();
  readonly #takes = new Map<string, MethodResult<'prekeys.take'>>();
  readonly #open = new Map<DeviceId, Open>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#identity = createTenantIdentity({ tenantId: this.tenantId, nowMs: nowMs() });
  }

  /** Adds a person and gives a token for their device. */
  addPerson(name: string, mail: string): { person: Person; token: EnrolmentToken } {
    const person = { personId: makeId('person', randomBytes(16)), name, mail };
    this.#accounts.set(person.personId, { person, record: undefined, devices: new Map() });
    const token = {
      tenantId: this.tenantId,
      tokenId: makeId('enrolmentToken', randomBytes(16)),
      secret: Uint8Array.from(randomBytes(32)),
      serverStatic: new Uint8Array(32),
      rootHash: rootHash(this.#identity.root.publicKey),
    };
    return { person, token };
  }

  /** The enrolment channel, as far as one person's token reaches. */
  enrolment(personId: PersonId): EnrolmentConnection {
    const account = this.#account(personId);
    const { root, authority, authorityKey } = this.#identity;
    const request = async (method: string, params: unknown): Promise<unknown> => {
      if (method === 'enrolment.open') {
        return { person: account.person, tenantName: 'Acme', root: root.publicKey, authority };
      }
      const { deviceId, accountKey, deviceList, prekeys } = params as Finish;
      const certificate = certifyFirstAccount({
        authorityPrivateKey: authorityKey.privateKey,
        tenantId: this.tenantId,
        personId,
        accountKey,
        nowMs: this.#nowMs(),
      });
      account.record ??= { person: personId, authority, account: certificate, deviceList };
      account.devices.set(deviceId, { ...prekeys });
      return { account: account.record.account };
    };
    return { request: request as EnrolmentConnection['request'] };
  }

  /** The record that the server holds of a person, to be changed by a test. */
  record(personId: PersonId): AccountRecord {
    const { record } = this.#account(personId);
    if (record === undefined) throw new Error('not enrolled');
    return record;
  }
  setRecord(personId: PersonId, record: AccountRecord): void {
    this.#account(personId).record = record;
  }

  /** A further device of a person, as the list that a signer has made says. */
  addDevice(
    personId: PersonId,
    device: DeviceId,
    deviceList: AccountRecord['deviceList'],
    prekeys: PrekeyUpload,
  ): void {
    const account = this.#account(personId);
    account.record = { ...this.record(personId), deviceList };
    account.devices.set(device, { ...prekeys });
  }

  /** An administrator revokes a device: the list still holds it, but the server delivers nothing to it and accepts it no more. */
  deactivate(device: DeviceId): void {
    for (const account of this.#accounts.values()) account.devices.delete(device);
    this.#mailboxes.delete(device);
    this.drop(device);
  }

  /** What waits for a device. */
  waiting(device: DeviceId): number {
    return this.#mailboxes.get(device)?.length ?? 0;
  }
  /** Puts something into a mailbox, whoever it is from. */
  inject(to: DeviceId, delivery: Omit<Delivery, 'deliverySeq'>): void {
    this.#mailbox(to).push(delivery);
    this.#deliver(to);
  }

  /** A way to connect as a device. */
  connect(device: DeviceId): Connect {
    return async (_stateCounter, events) => {
      const account = [...this.#accounts.values()].find(({ devices }) => devices.has(device));
      if (account === undefined) throw new KuvertError('device_not_accepted');
      const open: Open = { device, events, sent: new Map(), lastSeq: 0, isOpen: true };
      this.#open.set(device, open);
      queueMicrotask(() => {
        events.onEvent('welcome', {
          serverTime: this.#nowMs(),
          installationEpoch: 1,
          minimumVersion: '0.0.0',
          policyVersion: 0,
          prekeys: { ec: 100, kyber: 20 },
          ...(account.record && {
            deviceSet: deviceSetHash(listHash(account.record.deviceList), [...account.devices.keys()]),
          }),
        });
        this.#deliver(device);
        const sinceMs = this.dormant.get(device);
        // No delivery has this number, so that its acknowledgement removes nothing.
        if (sinceMs !== undefined && this.dormant.delete(device))
          events.onEvent('dormant', { deliverySeq: 0, count: 0, fromMs: sinceMs, toMs: this.#nowMs() });
        events.onEvent('drained', {});
      });
      return this.#connectionOf(open);
    };
  }
  /** Ends the connection of a device. */
  drop(device: DeviceId): void {
    const open = this.#open.get(device);
    if (open) this.#close(open);
  }

  #connectionOf(open: Open): Connection {
    const alive = <T>(work: () => T): Promise<T> =>
      new Promise((resolve, reject) => {
        setImmediate(() => {
          if (!open.isOpen) reject(new KuvertError('server_unreachable'));
          else
            try {
              resolve(work());
            } catch (error) {
              reject(error as Error);
            }
        });
      });
    return {
      request: (method, params) =>
        alive(() => {
          this.requests.push(method);
          return this.#answer(open.device, method, params as never) as never;
        }),
      submit: (submit) => alive(() => this.#submit(open, submit)),
      ack: (upTo) => {
        const mailbox = this.#mailbox(open.device);
        for (const [seq, row] of open.sent) {
          if (seq > upTo) continue;
          open.sent.delete(seq);
          const at = mailbox.indexOf(row);
          if (at >= 0) mailbox.splice(at, 1);
        }
      },
      close: () => this.#close(open),
    };
  }

  #close(open: Open): void {
    if (!open.isOpen) return;
    open.isOpen = false;
    if (this.#open.get(open.device) === open) this.#open.delete(open.device);
    open.events.onClose(new KuvertError('server_unreachable'));
  }

  #answer(device: DeviceId, method: MethodName, params: { [key: string]: string }): unknown {
    const accounts = [...this.#accounts.values()];
    const { personId, mail } = params;
    switch (method) {
      case 'people.find':
        return { person: found(accounts.find(({ person }) => person.mail === mail)).person };
      case 'people.get':
        return { person: found(this.#accounts.get(personId as PersonId)).person };
      case 'people.list':
        return { people: accounts.map(({ person }) => person) };
      case 'devices.list':
        return this.#record(found(this.#accounts.get(personId as PersonId)));
      case 'devices.owner':
        return this.#record(found(accounts.find((one) => one.devices.has(params.deviceId as DeviceId))));
      case 'prekeys.take':
        return this.#take(device, personId as PersonId, params.requestId ?? '');
      case 'prekeys.upload':
      case 'prekeys.count':
        return { counts: { ec: 100, kyber: 20 } };
      case 'groups.change':
        return this.groups.change(this.#callerOf(device), params as never);
      case 'groups.log':
        return this.groups.log(this.#callerOf(device), params as never);
      case 'groups.list':
        return this.groups.list(this.#callerOf(device).person);
      case 'groups.devices':
        return this.groups.devices(this.#callerOf(device).person, params.group as GroupId);
      default:
        throw new KuvertError('method_unknown');
    }
  }

  #callerOf(device: DeviceId): { person: PersonId; device: DeviceId } {
    const account = found([...this.#accounts.values()].find((one) => one.devices.has(device)));
    return { person: account.person.personId, device };
  }

  #submitToGroup(open: Open, submit: Submitted): Accepted {
    const from = this.#callerOf(open.device);
    const devices = this.groups.targets(submit.to as GroupId, from, submit.listHash);
    const acceptedAtMs = this.#nowMs();
    for (const device of devices) {
      const row = {
        acceptedAtMs,
        expiresAtMs: acceptedAtMs + 86_400_000,
        suite: submit.suite,
        class: submit.class,
        leg: idToBytes(submit.to as GroupId),
        ...(submit.body && { body: Uint8Array.from(submit.body) }),
      };
      const rows = this.lies.store?.(row, device) ?? [row];
      this.#mailbox(device).push(...rows.map((one) => ({ ...one })));
      this.#deliver(device);
    }
    const answer = { acceptedAtMs, legs: [] };
    this.#answers.set(submit.submitId, answer);
    return answer;
  }

  #take(caller: DeviceId, personId: PersonId, requestId: string): MethodResult<'prekeys.take'> {
    const name = `${caller}/${requestId}`;
    const again = this.#takes.get(name);
    if (again !== undefined) return again;
    const account = found(this.#accounts.get(personId));
    const others = [...account.devices].filter(([device]) => device !== caller);
    if (others.length === 0) throw new KuvertError('no_device');
    const bundles = others.map(([device, prekeys]): PrekeyBundle => {
      const [oneTime, ...rest] = prekeys.oneTime;
      const [kyber, ...restKyber] = prekeys.kyber;
      prekeys.oneTime = rest;
      prekeys.kyber = restKyber;
      return {
        device,
        signed: prekeys.signed,
        ...(oneTime && { oneTime }),
        kyber: kyber ?? prekeys.lastResort,
        kyberIsLastResort: kyber === undefined,
      };
    });
    const honest = { account: this.#told(account), bundles };
    const answer = this.lies.take?.(honest) ?? honest;
    this.#takes.set(name, answer);
    return answer;
  }

  #record(account: Account): MethodResult<'devices.list'> {
    return { account: this.#told(account), active: [...account.devices.keys()] };
  }

  #told(account: Account): AccountRecord {
    if (account.record === undefined) throw new KuvertError('not_found');
    return this.lies.account?.(account.record) ?? account.record;
  }

  #submit(open: Open, submit: Submitted): Accepted {
    this.submits.push({ ...submit, submitId: submit.submitId, from: open.device });
    const refusal = this.lies.refuse?.(submit, open.device);
    if (refusal !== undefined) throw refusal;
    const before = this.#answers.get(submit.submitId);
    if (before !== undefined) return before;
    if (submit.suite === SUITES.groupSenderKey) return this.#submitToGroup(open, submit);
    const account = found(this.#accounts.get(submit.to as PersonId));
    if (account.record === undefined) throw new KuvertError('no_device');
    if (!equalBytes(listHash(account.record.deviceList), submit.listHash)) {
      throw new KuvertError('devices_changed', { details: { missing: [], extra: [], stale: [] } });
    }
    const acceptedAtMs = this.#nowMs();
    for (const leg of submit.legs.filter(({ device }) => !this.dormant.has(device))) {
      const row = {
        acceptedAtMs,
        expiresAtMs: acceptedAtMs + 86_400_000,
        suite: submit.suite,
        class: submit.class,
        leg: Uint8Array.from(leg.bytes),
        ...(submit.body && { body: Uint8Array.from(submit.body) }),
      };
      const rows = this.lies.store?.(row, leg.device) ?? [row];
      this.#mailbox(leg.device).push(...rows.map((one) => ({ ...one })));
    }
    const outcomeOf = (device: DeviceId) => (this.dormant.has(device) ? 'dormant' : 'stored');
    const legs = submit.legs.map(({ device }) => ({ device, outcome: outcomeOf(device) }) as const);
    const answer = { acceptedAtMs, legs };
    this.#answers.set(submit.submitId, answer);
    for (const { device } of submit.legs) this.#deliver(device);
    if (this.lies.loseAnswer?.(submit)) {
      this.#close(open);
      throw new KuvertError('server_unreachable');
    }
    return answer;
  }

  #deliver(device: DeviceId): void {
    const open = this.#open.get(device);
    if (open === undefined) return;
    const underWay = new Set(open.sent.values());
    for (const row of this.#mailbox(device)) {
      if (underWay.has(row)) continue;
      open.lastSeq++;
      open.sent.set(open.lastSeq, row);
      open.events.onDelivery({ ...row, deliverySeq: open.lastSeq });
    }
  }

  #mailbox(device: DeviceId): Omit<Delivery, 'deliverySeq'>[] {
    const mailbox = this.#mailboxes.get(device) ?? [];
    this.#mailboxes.set(device, mailbox);
    return mailbox;
  }

  #account(personId: PersonId): Account {
    return found(this.#accounts.get(personId));
  }
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new KuvertError('not_found');
  return value;
}
