/**
 * Honest histories of people with several devices, for trying the checker: two people of one tenant whose devices are linked, revoked, away,
 * put back from copies, and given messages up for; all of them in step whenever nothing is left to do.
 */
import fc from 'fast-check';
import type { LedgerEvent, MessageRef, StandingConversation, StandingEntry } from './events.ts';

type Step =
  | { readonly do: 'send' | 'drain' | 'expire' | 'read' | 'copy' | 'restore'; readonly device: number }
  | { readonly do: 'delete'; readonly device: number; readonly scope: 'own-devices' | 'everywhere' }
  | { readonly do: 'link' | 'revoke'; readonly person: number }
  | { readonly do: 'settle' };

interface Sent extends MessageRef {
  readonly person: string;
  readonly to: string;
  readonly text: string;
  isHad: boolean;
  isRead: boolean;
  /** Deleted for everybody, or for the devices of these people. */
  isTakenBack: boolean;
  readonly removedFor: Set<string>;
}

interface Device {
  readonly name: string;
  readonly person: string;
  readonly mailbox: Sent[];
  copies: number;
}

const PEOPLE = ['anna', 'ben'] as const;

class Model {
  readonly events: LedgerEvent[] = [];
  readonly #devices: Device[] = [];
  readonly #sent: Sent[] = [];
  #count = 0;
  #nowMs = 1_000_000;

  constructor() {
    for (const person of PEOPLE) this.#enrol(person);
  }

  run(step: Step): void {
    this.#nowMs += 7;
    switch (step.do) {
      case 'link':
        this.#link(PEOPLE[step.person % 2] ?? 'anna');
        break;
      case 'revoke':
        this.#revoke(PEOPLE[step.person % 2] ?? 'anna');
        break;
      case 'settle':
        this.settle();
        break;
      case 'delete':
        this.#delete(this.#device(step.device), step.scope);
        break;
      default:
        this.#act(step.do, this.#device(step.device));
    }
  }

  /** Everybody comes, gets everything, and shows the same as the others of their person. */
  settle(): void {
    for (const device of this.#devices) this.#drain(device);
    const names = this.#devices.map(({ name }) => name);
    for (const { name: device, person } of this.#devices) {
      this.#record({ kind: 'standing', device, conversations: [this.#screenOf(person)] });
    }
    this.#record({ kind: 'settled', drained: names, flushed: names });
  }

  #act(what: 'send' | 'drain' | 'expire' | 'read' | 'copy' | 'restore', device: Device): void {
    if (what === 'send') this.#send(device);
    else if (what === 'drain') this.#drain(device);
    else if (what === 'expire') this.#expire(device);
    else if (what === 'read') this.#read(device);
    else if (what === 'copy') this.#copy(device);
    else this.#restore(device);
  }

  #record(event: LedgerEvent): void {
    this.events.push(event);
  }

  #device(choice: number): Device {
    const device = this.#devices[choice % this.#devices.length];
    if (device === undefined) throw new Error('nobody has a device');
    return device;
  }

  #ownOf(person: string): Device[] {
    return this.#devices.filter((device) => device.person === person);
  }

  #enrol(person: string): Device {
    const device = { name: `${person}-${++this.#count}`, person, mailbox: [], copies: 0 };
    this.#devices.push(device);
    this.#record({ kind: 'enrolled', tenant: 'acme', person, device: device.name });
    return device;
  }

  #link(person: string): void {
    const others = this.#ownOf(person);
    this.#record({ kind: 'linking', person, device: `${person}-${this.#count + 1}` });
    const device = this.#enrol(person);
    for (const { name } of others) this.#tell(name, 'device_linked', device.name);
    this.#record({ kind: 'history', device: device.name });
  }

  #revoke(person: string): void {
    const [, last] = this.#ownOf(person);
    if (last === undefined) return;
    this.#devices.splice(this.#devices.indexOf(last), 1);
    this.#record({ kind: 'revoked', device: last.name });
    for (const { name } of this.#ownOf(person)) this.#tell(name, 'device_revoked', last.name);
  }

  #send({ name: from, person }: Device): void {
    const no = ++this.#count;
    const to = person === 'anna' ? 'ben' : 'anna';
    const text = `text ${no}`;
    const ref = { from, messageId: `m${no}` };
    this.#record({ kind: 'intended', intent: `i${no}`, from, to, text });
    this.#record({ kind: 'queued', intent: `i${no}`, ...ref });
    const sent = { ...ref, person, to, text, isHad: false, isRead: false, isTakenBack: false };
    const message = { ...sent, removedFor: new Set<string>() };
    this.#sent.push(message);
    for (const device of this.#ownOf(to)) {
      device.mailbox.push(message);
      const place = `key ${no}`;
      this.#record({ kind: 'ratchet-used', device: from, peer: device.name, place, bytes: `leg ${no}` });
    }
    this.#record({ kind: 'accepted', ...ref, acceptedAtMs: this.#nowMs, expiresAtMs: this.#nowMs + 1_000 });
  }

  #drain({ name: device, mailbox }: Device): void {
    this.#record({ kind: 'served', device });
    for (const message of mailbox.splice(0)) {
      const { from, messageId, text } = message;
      message.isHad = true;
      if (message.isTakenBack || message.removedFor.has(message.to)) continue;
      this.#record({ kind: 'displayed', device, from, messageId, text });
    }
  }

  /** The server gives up what waits: for its time, or because there is too much of it. */
  #expire({ name: device, mailbox }: Device): void {
    const isDormant = this.#count % 2 === 0;
    if (!isDormant) this.#nowMs += 1_000;
    for (const { from, messageId } of mailbox.splice(0)) {
      const event = { kind: 'expired', device, from, messageId, atMs: this.#nowMs, tombstone: true } as const;
      this.#record(isDormant ? { ...event, why: 'dormant' } : event);
    }
  }

  #read({ name: device, person }: Device): void {
    for (const message of this.#sent) {
      if (message.to !== person || !message.isHad || message.isRead) continue;
      const { from, messageId } = message;
      this.#record({ kind: 'read', device, from, messageId });
      message.isRead = true;
      return;
    }
  }

  #delete({ name: device, person }: Device, scope: 'own-devices' | 'everywhere'): void {
    const message = this.#sent.find(
      (one) => one.person === person && one.isHad && !one.isTakenBack && one.removedFor.size === 0,
    );
    if (message === undefined) return;
    const { from, messageId } = message;
    this.#record({ kind: 'deleted', device, scope, from, messageId });
    if (scope === 'everywhere') message.isTakenBack = true;
    else message.removedFor.add(person);
  }

  #copy(device: Device): void {
    device.copies = ++this.#count;
    this.#record({ kind: 'copied', device: device.name, copy: `copy ${device.copies}` });
    // The server sees a later state than the copy.
    this.#record({ kind: 'served', device: device.name });
  }

  #restore(device: Device): void {
    if (device.copies === 0) return;
    this.#record({ kind: 'restored', device: device.name, copy: `copy ${device.copies}` });
    this.#tell(device.name, 'profile_restored');
  }

  #tell(device: string, notice: string, about?: string): void {
    this.#record({ kind: 'told', device, notice, ...(about !== undefined && { about }) });
  }

  /** What was had by any device of a person is shown by all of them. */
  #screenOf(person: string): StandingConversation {
    const mine = this.#sent.filter((one) => one.person === person || (one.to === person && one.isHad));
    const entries = mine.flatMap((one): StandingEntry[] => {
      const { from, messageId, text, isTakenBack, isRead, isHad } = one;
      if (one.removedFor.has(person)) return [];
      const isMine = one.person === person;
      const state = isRead ? 'read' : isHad ? 'delivered' : 'accepted';
      const kind = isTakenBack ? 'deleted' : 'text';
      const shown = { from, messageId, kind, text: isTakenBack ? '' : text } as const;
      return [{ ...shown, isUnread: !isMine && !isRead && !isTakenBack, ...(isMine && { state }) }];
    });
    const other = person === 'anna' ? 'ben' : 'anna';
    return { with: other, settings: 'pinned', safety: '12345 verified', entries };
  }
}

const device = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), device }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('drain', 'expire', 'read', 'copy', 'restore'),
      device,
    }) as fc.Arbitrary<Step>,
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('delete' as const),
      device,
      scope: fc.constantFrom('own-devices' as const, 'everywhere' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('link' as const, 'revoke' as const), person: fc.nat(1) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'settle' as const }) },
);

/** One of each, so that every history has a place for every bug. Anna ends with three devices, of which the second is revoked. */
const PROLOGUE: readonly Step[] = [
  { do: 'send', device: 1 },
  { do: 'send', device: 0 },
  { do: 'drain', device: 0 },
  { do: 'drain', device: 1 },
  { do: 'link', person: 0 },
  { do: 'link', person: 0 },
  { do: 'revoke', person: 0 },
  { do: 'copy', device: 0 },
  { do: 'send', device: 1 },
  { do: 'drain', device: 0 },
  { do: 'restore', device: 0 },
  { do: 'drain', device: 2 },
  { do: 'read', device: 0 },
  { do: 'send', device: 1 },
  { do: 'drain', device: 0 },
  { do: 'expire', device: 2 },
  { do: 'send', device: 0 },
  { do: 'drain', device: 1 },
  { do: 'delete', device: 0, scope: 'everywhere' },
  { do: 'delete', device: 0, scope: 'own-devices' },
  { do: 'settle' },
];

/** Messages that nobody reads, so that they are there unread at the end, on several devices of one person. */
const EPILOGUE: readonly Step[] = [
  { do: 'link', person: 0 },
  { do: 'send', device: 0 },
  { do: 'send', device: 0 },
  { do: 'send', device: 1 },
  { do: 'send', device: 1 },
];

/** A history without a fault. */
export const honestDevices: fc.Arbitrary<LedgerEvent[]> = fc.array(step, { maxLength: 60 }).map((steps) => {
  const model = new Model();
  for (const each of [...PROLOGUE, ...steps, ...EPILOGUE]) model.run(each);
  model.settle();
  return model.events;
});
