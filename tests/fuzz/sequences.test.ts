/**
 * Sequences of what devices, an operator and the network do, held against a small model: who is enrolled, what waits for whom, which
 * prekeys are left. The model knows nothing of how the server does it.
 */
import { randomBytes } from 'node:crypto';
import {
  encodeAck,
  encodeSubmit,
  makeId,
  PREKEY_STOCK,
  type PrekeyBundle,
  type Submit,
} from '@kuvert/protocol';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { campaign, isLong } from './campaign.ts';
import { Peer } from './peer.ts';
import { RawSocket } from './web-socket.ts';
import { type KnownDevice, World } from './world.ts';

const SLOTS = ['a', 'b', 'c'] as const;
type Slot = (typeof SLOTS)[number];

/** What the model believes of one person's device. */
interface Believed {
  state: 'none' | 'active' | 'revoked';
  /** Bytes of the legs that wait, in the order of their acceptance. */
  mailbox: string[];
  /** What this connection must have been given, in order, and how much of it was acknowledged. */
  line: { given: string[]; acknowledged: number } | undefined;
  ec: number;
  kyber: number;
  takes: Map<Slot, number>;
}

type Model = Record<Slot, Believed>;

/** What there really is. */
interface Real {
  readonly devices: Map<Slot, KnownDevice>;
  readonly peers: Map<Slot, Peer>;
  readonly taken: Set<string>;
  lastSubmit: { from: Slot; submit: Submit; acceptedAtMs: number } | undefined;
  lastTake: { from: Slot; params: { personId: string; requestId: string }; answer: unknown } | undefined;
}

let world: World;

beforeAll(async () => {
  world = await World.start();
});

afterEach(async () => {
  await world.expectQuiet();
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

class Command implements fc.AsyncCommand<Model, Real> {
  readonly #name: string;
  readonly check: (model: Readonly<Model>) => boolean;
  readonly run: (model: Model, real: Real) => Promise<void>;

  constructor(
    name: string,
    check: (model: Readonly<Model>) => boolean,
    run: (model: Model, real: Real) => Promise<void>,
  ) {
    this.#name = name;
    this.check = check;
    this.run = run;
  }

  toString(): string {
    return this.#name;
  }
}

const deviceOf = (real: Real, slot: Slot) => real.devices.get(slot) as KnownDevice;
const peerOf = (real: Real, slot: Slot) => real.peers.get(slot) as Peer;
const codeOf = (answer: unknown) => (answer as { error?: { code: string } } | undefined)?.error?.code;

function hangUp(model: Model, real: Real, slot: Slot): void {
  real.peers.get(slot)?.close();
  real.peers.delete(slot);
  model[slot].line = undefined;
}

const enrol = (slot: Slot) =>
  new Command(
    `enrol(${slot})`,
    (model) => model[slot].state === 'none',
    async (model, real) => {
      real.devices.set(slot, await world.device());
      Object.assign(model[slot], { state: 'active', ec: PREKEY_STOCK.ec, kyber: PREKEY_STOCK.kyber });
    },
  );

const enrolAgain = (slot: Slot, isOther: boolean) =>
  new Command(
    `enrolAgain(${slot}, ${isOther ? 'another list' : 'the same'})`,
    (model) => model[slot].state !== 'none',
    async (_model, real) => {
      const { enrolment, personId } = deviceOf(real, slot);
      const token = enrolment as unknown as Parameters<World['prepare']>[0]['token'];
      const params = isOther ? world.prepare({ personId, token }).enrolment : enrolment;
      const peer = await Peer.enrolling(world.place);
      const answer = await peer.request('enrolment.finish', params);
      peer.close();
      if (isOther) expect(codeOf(answer)).toBe('token_used');
      else expect(answer).toHaveProperty('result');
    },
  );

const connect = (slot: Slot) =>
  new Command(
    `connect(${slot})`,
    (model) => model[slot].state !== 'none',
    async (model, real) => {
      const before = real.peers.get(slot);
      const peer = await Peer.device(world.place, deviceOf(real, slot));
      const isIn = await peer.welcomed();
      expect(isIn).toBe(model[slot].state === 'active');
      if (!isIn) {
        expect(peer.closingCode).toBe('device_not_accepted');
        return;
      }
      if (before !== undefined) {
        await before.untilEnded();
        expect(before.closingCode).toBe('connection_replaced');
      }
      real.peers.set(slot, peer);
      model[slot].line = { given: [...model[slot].mailbox], acknowledged: 0 };
    },
  );

const disconnect = (slot: Slot) =>
  new Command(
    `disconnect(${slot})`,
    (model) => model[slot].line !== undefined,
    async (model, real) => hangUp(model, real, slot),
  );

const submit = (from: Slot, to: Slot, text: string) =>
  new Command(
    `submit(${from} to ${to})`,
    (model) => model[from].line !== undefined && model[to].state !== 'none',
    async (model, real) => {
      const peer = peerOf(real, from);
      const no = peer.nextId();
      const made = world.submit(deviceOf(real, to), no, Uint8Array.from(Buffer.from(text)));
      peer.sendRecords(encodeSubmit(made));
      const answer = await peer.submitAnswer(no);
      if (from === to || model[to].state === 'revoked') {
        expect(['devices_changed', 'no_device']).toContain(codeOf(answer));
        return;
      }
      // Limits have tests of their own; what they refuse was not accepted and must not arrive.
      if (['rate_limited', 'overloaded'].includes(codeOf(answer) ?? '')) return;
      if (answer === undefined || 'error' in answer) throw new Error(`refused: ${codeOf(answer)}`);
      real.lastSubmit = { from, submit: made, acceptedAtMs: answer.acceptedAtMs };
      const leg = Buffer.from(text).toString('hex');
      model[to].mailbox.push(leg);
      model[to].line?.given.push(leg);
    },
  );

const repeatSubmit = (isOther: boolean) =>
  new Command(
    `repeatSubmit(${isOther ? 'other bytes' : 'same bytes'})`,
    () => true,
    async (model, real) => {
      if (real.lastSubmit === undefined) return;
      const { from, submit: made, acceptedAtMs } = real.lastSubmit;
      if (model[from].line === undefined) return;
      const peer = peerOf(real, from);
      const requestNo = peer.nextId();
      const legs = made.legs.map((leg) => ({ ...leg, bytes: isOther ? Uint8Array.of(1) : leg.bytes }));
      peer.sendRecords(encodeSubmit({ ...made, requestNo, legs }));
      const answer = await peer.submitAnswer(requestNo);
      if (['rate_limited', 'overloaded'].includes(codeOf(answer) ?? '')) return;
      if (isOther) expect(['id_reused', 'devices_changed']).toContain(codeOf(answer));
      else expect(answer).toMatchObject({ acceptedAtMs });
    },
  );

const receive = (slot: Slot, part: number) =>
  new Command(
    `receive(${slot}, ${part} %)`,
    (model) => model[slot].line !== undefined,
    async (model, real) => {
      const line = model[slot].line as NonNullable<Believed['line']>;
      const peer = peerOf(real, slot);
      expect(await peer.delivered(line.given.length)).toBe(true);
      expect(peer.deliveries.map((delivery) => Buffer.from(delivery.leg).toString('hex'))).toEqual(
        line.given,
      );
      expect(peer.deliveries.map((delivery) => delivery.deliverySeq)).toEqual(
        line.given.map((_, i) => i + 1),
      );
      const upTo = Math.floor((line.given.length * part) / 100);
      if (upTo <= line.acknowledged) return;
      peer.sendRecords(encodeAck(upTo));
      // The answer to a later request says that the acknowledgement was taken.
      expect(await peer.request('prekeys.count', {})).toHaveProperty('result');
      model[slot].mailbox.splice(0, upTo - line.acknowledged);
      line.acknowledged = upTo;
    },
  );

const take = (from: Slot, to: Slot) =>
  new Command(
    `take(${from} from ${to})`,
    (model) => model[from].line !== undefined && model[to].state !== 'none' && from !== to,
    async (model, real) => {
      const params = {
        personId: deviceOf(real, to).personId,
        requestId: makeId('request', Uint8Array.from(randomBytes(16))),
      };
      const answer = await peerOf(real, from).request('prekeys.take', params);
      const takes = model[from].takes.get(to) ?? 0;
      if (model[to].state === 'revoked') expect(codeOf(answer)).toBe('no_device');
      else if (takes >= 30) expect(codeOf(answer)).toBe('rate_limited');
      else {
        const { bundles } = (answer as { result: { bundles: PrekeyBundle[] } }).result;
        expect(bundles).toHaveLength(1);
        const [bundle] = bundles as [PrekeyBundle];
        expect(bundle.oneTime !== undefined).toBe(model[to].ec > 0);
        expect(bundle.kyberIsLastResort).toBe(model[to].kyber === 0);
        const ids = [bundle.oneTime && `${to} ec ${bundle.oneTime.id}`];
        if (!bundle.kyberIsLastResort) ids.push(`${to} kyber ${bundle.kyber.id}`);
        for (const id of ids.filter((one) => one !== undefined)) {
          expect(real.taken.has(id), `${id} was given out twice`).toBe(false);
          real.taken.add(id);
        }
        model[from].takes.set(to, takes + 1);
        model[to].ec = Math.max(0, model[to].ec - 1);
        model[to].kyber = Math.max(0, model[to].kyber - 1);
        real.lastTake = { from, params, answer: (answer as { result: unknown }).result };
      }
    },
  );

const takeAgain = () =>
  new Command(
    'takeAgain()',
    () => true,
    async (model, real) => {
      if (real.lastTake === undefined || model[real.lastTake.from].line === undefined) return;
      const { from, params, answer } = real.lastTake;
      expect(await peerOf(real, from).request('prekeys.take', params)).toHaveProperty('result', answer);
    },
  );

const count = (slot: Slot) =>
  new Command(
    `count(${slot})`,
    (model) => model[slot].line !== undefined,
    async (model, real) => {
      const { ec, kyber } = model[slot];
      expect(await peerOf(real, slot).request('prekeys.count', {})).toHaveProperty('result.counts', {
        ec,
        kyber,
      });
    },
  );

const revoke = (slot: Slot) =>
  new Command(
    `revoke(${slot})`,
    (model) => model[slot].state !== 'none',
    async (model, real) => {
      const peer = real.peers.get(slot);
      await world.installation.operator.call('deviceRevoke', { deviceId: deviceOf(real, slot).deviceId });
      if (peer !== undefined) {
        await peer.untilEnded();
        expect(peer.closingCode).toBe('device_not_accepted');
      }
      hangUp(model, real, slot);
      Object.assign(model[slot], { state: 'revoked', mailbox: [], ec: 0, kyber: 0 });
    },
  );

const restart = () =>
  new Command(
    'restart()',
    () => true,
    async (model, real) => {
      await world.installation.restart();
      for (const slot of SLOTS) hangUp(model, real, slot);
    },
  );

const slot = fc.constantFrom(...SLOTS);
const text = fc.string({ minLength: 1, maxLength: 20 });
const commands = fc.commands(
  [
    ...[slot.map(enrol), slot.map(enrol), slot.map(connect), slot.map(connect), slot.map(connect)],
    fc.tuple(slot, fc.boolean()).map(([who, isOther]) => enrolAgain(who, isOther)),
    slot.map(disconnect),
    ...Array.from({ length: 4 }, () =>
      fc.tuple(slot, slot, text).map(([from, to, what]) => submit(from, to, what)),
    ),
    fc.boolean().map(repeatSubmit),
    ...[100, 100, 60].map((part) => slot.map((who) => receive(who, part))),
    fc.tuple(slot, slot).map(([from, to]) => take(from, to)),
    fc.tuple(slot, slot).map(([from, to]) => take(from, to)),
    fc.constant(takeAgain()),
    slot.map(count),
    slot.map(revoke),
    ...(isLong ? [fc.constant(restart())] : []),
  ],
  { maxCommands: 60, size: 'max' },
);

test('P1 P2 P4 A1 B1 E5 any sequence of enrolling, sending, receiving, taking keys, revoking and reconnecting keeps to the model', async () => {
  await campaign(
    'sequences',
    { short: 16, longDividedBy: 20 },
    fc.asyncProperty(commands, fc.integer({ min: 0, max: 3 }), async (list, ready) => {
      world.installation.clock.advance(1_000);
      const real: Real = {
        devices: new Map(),
        peers: new Map(),
        taken: new Set(),
        lastSubmit: undefined,
        lastTake: undefined,
      };
      const fresh = (): Believed => ({
        state: 'none',
        mailbox: [],
        line: undefined,
        ec: 0,
        kyber: 0,
        takes: new Map(),
      });
      const model: Model = { a: fresh(), b: fresh(), c: fresh() };
      // Most of what can go wrong takes two people who are there.
      for (const who of SLOTS.slice(0, ready)) {
        await enrol(who).run(model, real);
        await connect(who).run(model, real);
      }
      await fc.asyncModelRun(() => ({ model, real }), list);
      for (const who of SLOTS) if (model[who].line !== undefined) await receive(who, 100).run(model, real);
      RawSocket.destroyAll();
    }),
  );
});

test('H9 after all of this people write to each other as before', () => world.expectUnharmed());
