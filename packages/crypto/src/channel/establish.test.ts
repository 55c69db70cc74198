import { expect, test } from 'vitest';
import { ChannelError } from './channel-error.ts';
import { type Acceptance, acceptOpening, ChannelRejectedError, ClientHandshake } from './establish.ts';
import {
  decodeOpening,
  decodeServerFrame,
  encodeOpening,
  encodeRejection,
  OPENING_BYTES,
  serverKeyId,
} from './opening.ts';
import type { SecureChannel } from './secure-channel.ts';
import { chooseVersion, type VersionRange } from './versions.ts';
import { generateStaticKeyPair } from './x25519.ts';

const statics = [generateStaticKeyPair(), generateStaticKeyPair()] as const;
const deviceKeyPair = generateStaticKeyPair();
const supported = { min: 1, max: 3 };
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const texts = (records: readonly Uint8Array[]): string[] =>
  records.map((record) => new TextDecoder().decode(record));

function client(
  changes: { offered?: VersionRange; chosen?: number; serverStatic?: Uint8Array } = {},
): ClientHandshake {
  return new ClientHandshake({
    mode: 'device',
    offered: { min: 1, max: 3 },
    serverStatic: statics[0].publicKey,
    deviceKeyPair,
    ...changes,
  });
}

function deviceAccepted(acceptance: Acceptance): Extract<Acceptance, { kind: 'device' }> {
  if (acceptance.kind !== 'device') throw new Error(`not accepted: ${acceptance.kind}`);
  return acceptance;
}

function connect(): { device: SecureChannel; server: SecureChannel } {
  const handshake = client();
  const accepted = deviceAccepted(acceptOpening(handshake.begin(), { statics, supported }));
  const { channel, frame } = handshake.finish(accepted.reply, text('who I am'));
  const finished = accepted.handshake.finish(frame as Uint8Array);
  return { device: channel, server: finished.channel };
}

function rejectionOf(action: () => unknown): ChannelRejectedError {
  try {
    action();
  } catch (error) {
    if (error instanceof ChannelRejectedError) return error;
    throw error;
  }
  throw new Error('not rejected');
}

function failureOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ChannelError) return error.failure;
    throw error;
  }
  return 'nothing';
}

test('B3 B4 a device and a server establish a channel in one and a half round trips and exchange records', () => {
  const handshake = client();
  const accepted = deviceAccepted(acceptOpening(handshake.begin(), { statics, supported }));
  const { channel, frame } = handshake.finish(accepted.reply, text('who I am'));
  const finished = accepted.handshake.finish(frame as Uint8Array);
  expect(texts([finished.payload])).toEqual(['who I am']);
  expect(finished.remoteStatic).toEqual(deviceKeyPair.publicKey);
  expect(finished.channel.version).toBe(3);
  channel.queue(text('one'));
  channel.queue(text('two'));
  const frames = channel.flush();
  expect(frames.length).toBe(1);
  expect(channel.pendingBytes).toBe(0);
  expect(frames.flatMap((one) => texts(finished.channel.open(one)))).toEqual(['one', 'two']);
  const large = new Uint8Array(1_000_000).fill(5);
  const read = finished.channel.seal([text('three'), large]).flatMap((one) => channel.open(one));
  expect(read.map((record) => record.length)).toEqual([5, 1_000_000]);
});

test('B3 an enrolment needs one round trip and no key of the device', () => {
  const handshake = new ClientHandshake({
    mode: 'enrolment',
    offered: supported,
    serverStatic: statics[1].publicKey,
  });
  const accepted = acceptOpening(handshake.begin(), { statics, supported });
  if (accepted.kind !== 'enrolment') throw new Error('not accepted');
  const { channel, frame } = handshake.finish(accepted.reply);
  expect(frame).toBeUndefined();
  expect(accepted.channel.mode).toBe('enrolment');
  expect(channel.seal([text('secret')]).flatMap((one) => texts(accepted.channel.open(one)))).toEqual([
    'secret',
  ]);
});

test('B4 during a rotation the server answers with whichever of its keys the client has pinned', () => {
  for (const { publicKey } of statics) {
    const handshake = client({ serverStatic: publicKey });
    const accepted = deviceAccepted(acceptOpening(handshake.begin(), { statics, supported }));
    expect(handshake.finish(accepted.reply).frame).toBeDefined();
  }
});

test('B4 a server without the pinned key says so, and one that pretends to have it is noticed', () => {
  const handshake = client({ serverStatic: generateStaticKeyPair().publicKey });
  const frame = handshake.begin();
  const answer = acceptOpening(frame, { statics, supported });
  expect(answer.kind).toBe('rejected');
  expect(rejectionOf(() => handshake.finish(answer.reply)).code).toBe('server_key_unknown');

  const pretended = client({ serverStatic: generateStaticKeyPair().publicKey }).begin();
  pretended.set(serverKeyId(statics[0].publicKey), 8);
  expect(acceptOpening(pretended, { statics, supported })).toMatchObject({
    kind: 'rejected',
    reason: 'malformed',
  });
});

test('B4 the best common version is chosen, and none where the ranges do not meet', () => {
  expect(chooseVersion({ min: 1, max: 3 }, { min: 2, max: 5 })).toBe(3);
  expect(chooseVersion({ min: 2, max: 5 }, { min: 1, max: 3 })).toBe(3);
  expect(chooseVersion({ min: 1, max: 9 }, { min: 4, max: 4 })).toBe(4);
  expect(chooseVersion({ min: 1, max: 2 }, { min: 3, max: 4 })).toBeUndefined();
});

test('B4 a client that knows more than the server learns its range and connects at the second try', () => {
  const offered = { min: 2, max: 9 };
  const first = client({ offered });
  const answer = acceptOpening(first.begin(), { statics, supported });
  const rejected = rejectionOf(() => first.finish(answer.reply));
  expect(rejected.rejection).toEqual({ reason: 'version_unsupported', supported });
  expect(rejected.code).toBe('version_unsupported');
  const chosen = chooseVersion(offered, rejected.rejection.supported) as number;
  const second = client({ offered, chosen });
  const accepted = deviceAccepted(acceptOpening(second.begin(), { statics, supported }));
  expect(second.finish(accepted.reply).channel.version).toBe(3);
});

test('B4 a client that was talked into a lower version is refused by the server', () => {
  const downgraded = client({ chosen: 2 });
  const answer = acceptOpening(downgraded.begin(), { statics, supported });
  expect(answer).toMatchObject({ kind: 'rejected', reason: 'version_unsupported' });
});

test('B4 whoever changes the opening on the way ends the handshake', () => {
  const range = { min: 1, max: 2 };
  for (let at = 0; at < OPENING_BYTES; at++) {
    const frame = client({ offered: { min: 1, max: 2 } }).begin();
    frame[at] = (frame[at] as number) ^ 1;
    expect(acceptOpening(frame, { statics, supported: range }).kind).toBe('rejected');
  }
  // An offer cut to what the server would take for the best: only the prologue can tell.
  const frame = client({ offered: { min: 1, max: 3 }, chosen: 2 }).begin();
  new DataView(frame.buffer).setUint16(4, 2);
  expect(acceptOpening(frame, { statics, supported })).toMatchObject({
    kind: 'rejected',
    reason: 'malformed',
  });
});

test('B3 an opening for a device does not begin an enrolment', () => {
  const frame = client().begin();
  frame[1] = 2;
  expect(acceptOpening(frame, { statics, supported })).toMatchObject({
    kind: 'rejected',
    reason: 'malformed',
  });
});

test('H8 nothing that a client can send makes the server throw', () => {
  const whole = client().begin();
  for (let length = 0; length < whole.length; length++) {
    expect(acceptOpening(whole.subarray(0, length), { statics, supported }).kind).toBe('rejected');
  }
  expect(acceptOpening(new Uint8Array(70_000).fill(0x4b), { statics, supported }).kind).toBe('rejected');
});

test('B3 after an answer the client takes no second one', () => {
  const handshake = client();
  const accepted = deviceAccepted(acceptOpening(handshake.begin(), { statics, supported }));
  const forged = encodeRejection({ reason: 'busy', supported });
  expect(rejectionOf(() => handshake.finish(forged)).code).toBe('overloaded');
  expect(failureOf(() => handshake.finish(accepted.reply))).toBe('closed');
});

test('B3 the opening has the documented layout and reads back', () => {
  const opening = {
    mode: 'enrolment',
    offered: { min: 1, max: 0x0203 },
    chosen: 0x0102,
    serverKeyId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  } as const;
  const bytes = encodeOpening(opening);
  expect(Buffer.from(bytes).toString('hex')).toBe('4b020001020301020102030405060708');
  const decoded = decodeOpening(Buffer.concat([bytes, Buffer.from('rest')]));
  expect(decoded.opening).toEqual(opening);
  expect(Buffer.from(decoded.message).toString()).toBe('rest');
});

test('B3 openings and rejections that are not in their form are refused', () => {
  const good = encodeOpening({
    mode: 'device',
    offered: supported,
    chosen: 3,
    serverKeyId: new Uint8Array(8),
  });
  const changed = (at: number, value: number): Uint8Array => {
    const bytes = Uint8Array.from(good);
    bytes[at] = value;
    return bytes;
  };
  for (const bytes of [
    changed(0, 0x4c),
    changed(1, 0),
    changed(1, 3),
    changed(3, 0),
    changed(3, 4),
    changed(7, 4),
  ]) {
    expect(failureOf(() => decodeOpening(bytes))).toBe('malformed');
  }
  const rejection = encodeRejection({ reason: 'busy', supported });
  expect(decodeServerFrame(rejection)).toEqual({
    type: 'rejection',
    rejection: { reason: 'busy', supported },
  });
  const wrong = [[], [2], [1], [1, 0, 0, 1, 0, 1], [1, 5, 0, 1, 0, 1], [1, 1, 0, 2, 0, 1], [...rejection, 0]];
  for (const bytes of wrong)
    expect(failureOf(() => decodeServerFrame(Uint8Array.from(bytes)))).toBe('malformed');
});

test('B3 a replayed, reordered, truncated or flipped frame ends the connection', () => {
  const spoil: ((frames: Uint8Array[]) => Uint8Array)[] = [
    (frames) => frames[0] as Uint8Array,
    (frames) => frames[2] as Uint8Array,
    (frames) => (frames[1] as Uint8Array).subarray(0, 10),
    (frames) => {
      const flipped = Uint8Array.from(frames[1] as Uint8Array);
      flipped[0] = (flipped[0] as number) ^ 1;
      return flipped;
    },
  ];
  for (const spoiled of spoil) {
    const { device, server } = connect();
    const frames = ['one', 'two', 'three'].flatMap((word) => device.seal([text(word)]));
    expect(texts(server.open(frames[0] as Uint8Array))).toEqual(['one']);
    expect(['not_authentic', 'malformed']).toContain(failureOf(() => server.open(spoiled(frames))));
    expect(failureOf(() => server.open(frames[1] as Uint8Array))).toBe('closed');
    expect(failureOf(() => server.seal([text('x')]))).toBe('closed');
  }
});

test('B3 a record that is too long is refused without ending the connection', () => {
  const { device, server } = connect();
  expect(failureOf(() => device.queue(new Uint8Array(1_048_577)))).toBe('too_long');
  expect(device.seal([text('goes on')]).flatMap((frame) => texts(server.open(frame)))).toEqual(['goes on']);
});
