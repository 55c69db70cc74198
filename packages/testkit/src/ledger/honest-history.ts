/**
 * Histories in which every promise is kept, for trying the checker: it must stay silent on them, and name a bug that is planted in
 * one. A small model of an installation acts out random steps; kills, redelivery, expiry and revocation are among them.
 */
import fc from 'fast-check';
import type { LedgerEvent, MessageRef } from './events.ts';

type Step =
  | { readonly do: 'send'; readonly from: number; readonly to: number; readonly text: string }
  | { readonly do: 'killedSend'; readonly from: number; readonly to: number; readonly survives: boolean }
  | { readonly do: 'submit'; readonly device: number; readonly again: boolean }
  | { readonly do: 'drain'; readonly device: number; readonly again: boolean }
  | { readonly do: 'expire'; readonly device: number; readonly again: boolean }
  | { readonly do: 'takePrekey'; readonly device: number; readonly by: number };

interface Queued extends MessageRef {
  readonly to: string;
  readonly text: string;
}

const LIFETIME_MS = 1000;

/** Acts out steps and writes down what happens. Two tenants, three people each, one device a person. */
class Model {
  readonly events: LedgerEvent[] = [];
  readonly devices = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'];
  readonly #outboxes = new Map<string, Queued[]>();
  readonly #mailboxes = new Map<string, (Queued & { expiresAtMs: number })[]>();
  readonly #revoked = new Set<string>();
  readonly #steps = new Map<string, number>();
  #count = 0;
  #nowMs = 1_000_000;

  constructor() {
    for (const device of this.devices) {
      this.#record({ kind: 'enrolled', tenant: device.slice(0, 1), person: personOf(device), device });
      for (const key of [1, 2, 3])
        this.#record({ kind: 'prekey-published', device, key: `${device}-${key}` });
    }
  }

  run(step: Step): void {
    this.#nowMs += 7;
    if (step.do === 'send') this.#send(this.#pair(step.from, step.to), step.text);
    else if (step.do === 'killedSend') this.#killedSend(this.#pair(step.from, step.to), step.survives);
    else if (step.do === 'submit') this.#submit(this.#device(step.device), step.again);
    else if (step.do === 'drain') this.#drain(this.#device(step.device), step.again);
    else if (step.do === 'expire') this.#expire(this.#device(step.device));
    else this.#takePrekey(this.#device(step.device), this.#device(step.by));
  }

  revoke(device: string): void {
    this.#record({ kind: 'served', device });
    this.#revoked.add(device);
    this.#mailboxes.delete(device);
    this.#record({ kind: 'revoked', device });
  }

  settle(): void {
    const left = this.devices.filter((device) => !this.#revoked.has(device));
    for (const device of left) this.#submit(device, false);
    for (const device of left) this.#drain(device, false);
    const flushed = left.filter((device) => this.#outbox(device).length === 0);
    this.#record({ kind: 'settled', drained: left, flushed });
  }

  #record(event: LedgerEvent): void {
    this.events.push(event);
  }

  #device(choice: number): string {
    return this.devices[choice % this.devices.length] ?? '';
  }

  /** Two devices of one tenant. */
  #pair(from: number, to: number): { from: string; to: string } {
    const sender = this.#device(from);
    const colleagues = this.devices.filter(
      (device) => device[0] === sender[0] && device !== sender && !this.#revoked.has(device),
    );
    return { from: sender, to: colleagues[to % colleagues.length] ?? '' };
  }

  #send({ from, to }: { from: string; to: string }, words: string): void {
    if (this.#revoked.has(from)) return;
    const no = ++this.#count;
    const queued = { from, messageId: `m${no}`, to: personOf(to), text: `${no} ${words}` };
    this.#record({ kind: 'intended', intent: `i${no}`, from, to: queued.to, text: queued.text });
    this.#step(from, to);
    this.#record({ kind: 'queued', intent: `i${no}`, from, messageId: queued.messageId });
    this.#outbox(from).push(queued);
  }

  /** The client dies while it sends: the message is on disk or it is not, and nobody was told. */
  #killedSend({ from, to }: { from: string; to: string }, survives: boolean): void {
    if (this.#revoked.has(from)) return;
    const no = ++this.#count;
    const queued = { from, messageId: `m${no}`, to: personOf(to), text: `${no}` };
    this.#record({ kind: 'intended', intent: `i${no}`, from, to: queued.to, text: queued.text });
    if (survives) this.#outbox(from).push(queued);
  }

  /** Sends the outbox; `again` loses the first answer. What nobody is left to receive stays where it is. */
  #submit(from: string, again: boolean): void {
    if (this.#revoked.has(from)) return;
    for (const message of this.#outbox(from).splice(0)) {
      const device = this.devices.find((name) => personOf(name) === message.to) ?? '';
      const ref = { from, messageId: message.messageId };
      const answer = { acceptedAtMs: this.#nowMs, expiresAtMs: this.#nowMs + LIFETIME_MS };
      if (this.#revoked.has(device)) {
        this.#outbox(from).push(message);
        continue;
      }
      this.#record({ kind: 'committed', device, ...ref });
      this.#mailbox(device).push({ ...message, expiresAtMs: answer.expiresAtMs });
      for (let told = 0; told < (again ? 2 : 1); told++)
        this.#record({ kind: 'accepted', ...ref, ...answer });
    }
  }

  /** Shows what waits; `again` is a connection that breaks before the acknowledgement, so that all of it comes twice. */
  #drain(device: string, again: boolean): void {
    if (this.#revoked.has(device)) return;
    this.#record({ kind: 'served', device });
    for (const { from, messageId, text } of this.#mailbox(device).splice(0)) {
      this.#step(device, from);
      if (again) this.#record({ kind: 'served', device });
      this.#record({ kind: 'displayed', device, from, messageId, text });
      this.#record({ kind: 'acked', device, from, messageId });
      this.#record({ kind: 'delivered', from, messageId });
    }
  }

  #expire(device: string): void {
    this.#nowMs += LIFETIME_MS;
    for (const { from, messageId, expiresAtMs } of this.#mailbox(device).splice(0)) {
      const atMs = Math.max(this.#nowMs, expiresAtMs);
      this.#record({ kind: 'expired', device, from, messageId, atMs, tombstone: true });
    }
  }

  #takePrekey(device: string, by: string): void {
    const no = ++this.#count;
    const key = `${device}-x${no}`;
    this.#record({ kind: 'prekey-published', device, key });
    for (let repeated = 0; repeated < 2; repeated++) {
      this.#record({ kind: 'prekey-taken', device, key, request: `${by}-${no}` });
    }
  }

  #step(device: string, peer: string): void {
    const step = (this.#steps.get(`${device} ${peer}`) ?? 0) + 1;
    this.#steps.set(`${device} ${peer}`, step);
    this.#record({ kind: 'ratchet-stepped', device, peer, step });
  }

  #outbox(device: string): Queued[] {
    return entry(this.#outboxes, device);
  }

  #mailbox(device: string): (Queued & { expiresAtMs: number })[] {
    return entry(this.#mailboxes, device);
  }
}

function entry<V>(map: Map<string, V[]>, key: string): V[] {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}

function personOf(device: string): string {
  return `person-${device}`;
}

const choice = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('send'), from: choice, to: choice, text: fc.string() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('killedSend'),
      from: choice,
      to: choice,
      survives: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('submit', 'drain', 'expire'),
      device: choice,
      again: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('takePrekey'), device: choice, by: choice }) },
) as fc.Arbitrary<Step>;

/** One of each, so that every history has a place for every bug. */
const PROLOGUE: readonly Step[] = [
  { do: 'send', from: 0, to: 0, text: 'first' },
  { do: 'send', from: 0, to: 0, text: 'second' },
  { do: 'submit', device: 0, again: true },
  { do: 'drain', device: 1, again: true },
  { do: 'send', from: 3, to: 0, text: 'elsewhere' },
  { do: 'submit', device: 3, again: false },
  { do: 'expire', device: 4, again: false },
  { do: 'takePrekey', device: 1, by: 0 },
];

/** Two messages between two devices, so that the last of them is there to be read after any bug before it. */
const EPILOGUE: readonly Step[] = [
  { do: 'send', from: 1, to: 0, text: 'before the end' },
  { do: 'send', from: 1, to: 0, text: 'the end' },
];

/** A history without a fault. */
export const honestHistory: fc.Arbitrary<LedgerEvent[]> = fc
  .record({ steps: fc.array(step, { maxLength: 60 }), revokes: fc.boolean() })
  .map(({ steps, revokes }) => {
    const model = new Model();
    for (const each of [...PROLOGUE, ...steps]) model.run(each);
    if (revokes) model.revoke('b3');
    for (const each of EPILOGUE) model.run(each);
    model.settle();
    return model.events;
  });
