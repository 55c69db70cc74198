/** Submits and acknowledgements: their bytes damaged, their fields odd; what was accepted, and nothing else, must arrive. */
import {
  CLASSES,
  concatBytes,
  type Delivery,
  type DeviceId,
  decodeAck,
  decodeSubmit,
  encodeAck,
  encodeSubmit,
  idToBytes,
  KuvertError,
  type LifetimeClass,
  MAILBOX_LIMITS,
  makeId,
  makeSubmitId,
  type PersonId,
  RECORD_TYPES,
  type Submit,
  type SubmitClass,
} from '@kuvert/protocol';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { campaign } from './campaign.ts';
import { damagedBytes } from './mutations.ts';
import type { Peer } from './peer.ts';
import { expectAnswer, expectSubmitAnswer } from './refusals.ts';
import { type KnownDevice, World } from './world.ts';

/** Submits that may wait in the mailbox before it is emptied and compared. */
const WAITING_MAX = 100;

let world: World;
let sender: KnownDevice;
let target: KnownDevice;
let strangers: KnownDevice;

beforeAll(async () => {
  world = await World.start();
  sender = await world.device();
  target = await world.device();
  strangers = await world.device(await world.installation.tenant('Other'));
});

afterEach(async () => {
  await world.expectQuiet();
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** A device's connection that is opened again when an attack ended it. */
class Line {
  #peer: Peer | undefined;

  async peer(): Promise<Peer> {
    if (this.#peer === undefined || this.#peer.socket.ended) this.#peer = await world.connect(sender);
    return this.#peer;
  }
}

function readOrRefuse<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(KuvertError);
    return undefined;
  }
}

/** What the target must find, and the emptying of its mailbox. */
class Expected {
  readonly #legs: Buffer[] = [];

  async add(submit: Submit): Promise<void> {
    // To one's own other devices, of which there are none, there is nothing to send and nothing to refuse.
    if (submit.to === sender.personId && submit.legs.length === 0) return;
    const isForTarget = submit.legs.length === 1 && submit.legs[0]?.device === target.deviceId;
    expect(isForTarget, 'a submit was accepted that is not exactly for the recipient').toBe(true);
    if (submit.class === CLASSES.ephemeral) return;
    this.#legs.push(Buffer.from(submit.legs[0]?.bytes ?? []));
    if (this.#legs.length >= WAITING_MAX) await this.compare();
  }

  async compare(): Promise<void> {
    const peer = await world.connect(target);
    const found: readonly Delivery[] = await peer.takeAll();
    peer.close();
    expect(found.map((delivery) => Buffer.from(delivery.leg).toString('hex'))).toEqual(
      this.#legs.splice(0).map((leg) => leg.toString('hex')),
    );
  }
}

/** Sends a record of type submit and holds the answer against what reading it says. */
async function attack(
  line: Line,
  record: Uint8Array,
  expected: Expected,
  known: Map<string, string>,
): Promise<void> {
  const submit = record[0] === RECORD_TYPES.submit ? readOrRefuse(() => decodeSubmit(record)) : undefined;
  const peer = await line.peer();
  peer.sendRecords(record);
  if (submit === undefined && (record[0] !== RECORD_TYPES.submit || record.length < 5)) {
    await peer.untilEnded();
    expect(peer.socket.closeCode).toBe(1002);
    return;
  }
  if (submit === undefined) {
    // What can be numbered is refused under its number, and the connection goes on.
    const answer = await peer.submitAnswer(new DataView(record.buffer, record.byteOffset).getUint32(1));
    expect(answer).toMatchObject({ error: { code: expect.stringMatching(/^(bad_request|too_large)$/) } });
    return;
  }
  const answer = await peer.submitAnswer(submit.requestNo);
  expectSubmitAnswer(answer);
  if (answer === undefined) return;
  if ('error' in answer) {
    // Who waits as long as the server asks is served again.
    if (answer.error.retry.kind === 'after') world.installation.clock.advance(answer.error.retry.ms);
    return;
  }
  expect(answer.legs).toEqual(submit.legs.map(({ device }) => ({ device, outcome: 'stored' })));
  // The bytes behind the request number are the submit; the same bytes are stored once.
  const content = Buffer.from(record.subarray(5)).toString('base64');
  const before = known.get(submit.submitId);
  // What is never stored is not remembered either, so an ephemeral submit may have any id.
  const isRepeat = before === undefined || before === content || submit.class === CLASSES.ephemeral;
  expect(isRepeat, 'an id was used for two submits').toBe(true);
  if (before === undefined || submit.class === CLASSES.ephemeral) await expected.add(submit);
  if (submit.class !== CLASSES.ephemeral) known.set(submit.submitId, content);
}

test('P2 H9 damaged submits are refused or end the connection; what was accepted arrives once and in order', async () => {
  const line = new Line();
  const expected = new Expected();
  const known = new Map<string, string>();
  const seed = fc.record({
    leg: fc.uint8Array({ maxLength: 60 }),
    damage: damagedBytes(fc.constant(encodeSubmit(world.submit(target, 77)))),
    kind: fc.constantFrom('bytes', 'head', 'good'),
    at: fc.nat(200),
    bit: fc.nat(7),
  });
  await campaign(
    'submit bytes',
    60,
    fc.asyncProperty(seed, async ({ leg, damage, kind, at, bit }) => {
      if (kind === 'bytes') return attack(line, damage, expected, known);
      const record = encodeSubmit(world.submit(target, at, Uint8Array.from(leg)));
      const index = at % record.length;
      if (kind === 'head') record[index] = (record[index] as number) ^ (1 << bit);
      return attack(line, record, expected, known);
    }),
  );
  await expected.compare();
});

test('P2 C1 H9 submits with odd fields are refused by the catalogue; what was accepted arrives once and in order', async () => {
  const line = new Line();
  const expected = new Expected();
  const known = new Map<string, string>();
  const anyDevice = fc.oneof(
    fc.constantFrom(target.deviceId, sender.deviceId, strangers.deviceId),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => makeId('device', bytes)),
  );
  const anyLeg = fc.record({
    device: anyDevice as fc.Arbitrary<DeviceId>,
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Uint8Array.from(bytes)),
      fc
        .constantFrom(0, 1, MAILBOX_LIMITS.legBytesMax, MAILBOX_LIMITS.legBytesMax + 1)
        .map((n) => new Uint8Array(n)),
    ),
  });
  const change = fc.record(
    {
      to: fc.constantFrom(
        ...[target.personId, sender.personId, strangers.personId, world.anna.personId],
        makeId('group', new Uint8Array(16)) as unknown as PersonId,
        makeId('person', new Uint8Array(16)),
      ),
      listHash: fc.constantFrom(new Uint8Array(32), sender.listHash, target.listHash),
      suite: fc.constantFrom(0, 1, 1, 2, 255),
      class: fc.constantFrom(0, 1, 2, 3, 4).map((n) => n as SubmitClass),
      urgency: fc.constantFrom(0, 1, 2),
      lifetime: fc.constantFrom(0, 1, 2, 3, 4).map((n) => n as LifetimeClass),
      legs: fc.oneof(
        fc.array(anyLeg, { maxLength: 4 }),
        anyLeg.map((leg) => [leg, leg]),
        fc.constantFrom(999, 1_000, 1_001).map((n) =>
          Array.from({ length: n }, (_, i) => {
            const bytes = new Uint8Array(16);
            new DataView(bytes.buffer).setUint32(0, i);
            return { device: makeId('device', bytes), bytes: new Uint8Array(1) };
          }),
        ),
      ),
      body: fc
        .constantFrom(0, 1, MAILBOX_LIMITS.bodyBytesMax, MAILBOX_LIMITS.bodyBytesMax + 1)
        .map((n) => new Uint8Array(n)),
      offsetMs: fc.constantFrom(
        -8 * 86_400_000,
        -6 * 86_400_000,
        -3_600_000,
        0,
        3_000_000,
        4_000_000,
        2 ** 47,
      ),
    },
    { requiredKeys: [] },
  );
  let last: Submit | undefined;
  await campaign(
    'submit fields',
    60,
    fc.asyncProperty(
      change,
      fc.constantFrom('new', 'new', 'new', 'again', 'reused'),
      async (changes, mode) => {
        world.installation.clock.advance(5);
        const { offsetMs, ...fields } = changes;
        const fresh = world.submit(target, 1);
        const timed =
          offsetMs === undefined
            ? fresh.submitId
            : makeSubmitId(
                Math.min(2 ** 48 - 1, world.installation.clock.nowMs() + offsetMs),
                idToBytes(fresh.submitId).slice(7),
              );
        const submitId = mode === 'reused' && last ? last.submitId : timed;
        const submit: Submit =
          mode === 'again' && last ? last : ({ ...fresh, ...fields, submitId } as Submit);
        last = submit;
        await attack(line, encodeSubmit(submit), expected, known);
      },
    ),
  );
  await expected.compare();
});

test('P7 H9 acknowledgements of what was never delivered end the connection and remove nothing', async () => {
  const from = await world.connect(sender);
  const legs = ['one', 'two', 'three'].map((text) => Uint8Array.from(Buffer.from(text)));
  for (const [i, leg] of legs.entries()) {
    from.sendRecords(encodeSubmit(world.submit(target, i, leg)));
    expect(await from.submitAnswer(i)).toHaveProperty('acceptedAtMs');
  }
  from.close();
  const record = fc.oneof(
    fc.constantFrom(0, 4, 5, 1_000, 0xffffffff).map(encodeAck),
    fc.uint8Array({ maxLength: 8 }).map((bytes) => concatBytes(Uint8Array.of(RECORD_TYPES.ack), bytes)),
    damagedBytes(fc.constant(encodeAck(0))),
  );
  await campaign(
    'acknowledgements',
    40,
    fc.asyncProperty(record, async (bytes) => {
      const upTo = bytes[0] === RECORD_TYPES.ack ? readOrRefuse(() => decodeAck(bytes)) : undefined;
      // What really acknowledges has tests of its own.
      fc.pre(upTo === undefined || upTo === 0 || upTo > legs.length);
      const peer = await world.connect(target);
      expect(await peer.delivered(legs.length)).toBe(true);
      peer.sendRecords(bytes);
      if (upTo === 0) {
        const answer = await peer.request('prekeys.count', {});
        if (answer !== undefined) expectAnswer(answer, 'prekeys.count');
      } else {
        await peer.untilEnded();
        expect(peer.socket.closeCode).toBe(1002);
      }
      peer.close();
    }),
  );
  const peer = await world.connect(target);
  const found = await peer.takeAll();
  expect(found.map((delivery) => Buffer.from(delivery.leg).toString())).toEqual(['one', 'two', 'three']);
  peer.close();
});

test('H9 after all of this people write to each other as before', () => world.expectUnharmed());
