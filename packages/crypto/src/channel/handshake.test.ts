import { expect, test } from 'vitest';
import type { ChannelCipher } from './channel-cipher.ts';
import { ChannelCipher as Cipher } from './channel-cipher.ts';
import { ChannelError } from './channel-error.ts';
import { CipherState, MESSAGES_PER_KEY_MAX, NOISE_PLAINTEXT_BYTES_MAX } from './cipher-state.ts';
import { createInitiator, createResponder } from './handshake.ts';
import type { Handshake } from './handshake-state.ts';
import { generateStaticKeyPair } from './x25519.ts';

const server = generateStaticKeyPair();
const device = generateStaticKeyPair();
const prologue = Buffer.from('a prologue');
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function sides(pattern: 'XK' | 'NK', changes: { prologue?: Uint8Array; remoteStatic?: Uint8Array } = {}) {
  const initiator = createInitiator({
    pattern,
    prologue: changes.prologue ?? prologue,
    remoteStatic: changes.remoteStatic ?? server.publicKey,
    staticKeyPair: pattern === 'XK' ? device : undefined,
  });
  return { initiator, responder: createResponder({ pattern, prologue, staticKeyPair: server }) };
}

function run(pattern: 'XK' | 'NK'): { device: ChannelCipher; server: ChannelCipher } {
  const { initiator, responder } = sides(pattern);
  responder.readMessage(initiator.writeMessage(text('')));
  initiator.readMessage(responder.writeMessage(text('')));
  if (pattern === 'XK') responder.readMessage(initiator.writeMessage(text('')));
  return { device: initiator.split(), server: responder.split() };
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

test('B3 XK tells the server the device key with message 3, not before, and both ends know the same handshake', () => {
  const { initiator, responder } = sides('XK');
  responder.readMessage(initiator.writeMessage(text('one')));
  initiator.readMessage(responder.writeMessage(text('two')));
  expect(responder.remoteStatic).toBeUndefined();
  expect(responder.done).toBe(false);
  expect(responder.readMessage(initiator.writeMessage(text('three')))).toEqual(text('three'));
  expect(responder.remoteStatic).toEqual(device.publicKey);
  expect(initiator.handshakeHash).toEqual(responder.handshakeHash);
  initiator.split();
  responder.split();
  expect(responder.remoteStatic).toEqual(device.publicKey);
});

test('B3 neither key, payload nor text is visible in what XK sends', () => {
  const { initiator, responder } = sides('XK');
  const sent: Uint8Array[] = [];
  const pass = (from: Handshake, to: Handshake, payload: string) => {
    const message = from.writeMessage(text(payload));
    sent.push(message);
    to.readMessage(message);
  };
  pass(initiator, responder, 'canary one');
  pass(responder, initiator, 'canary two');
  pass(initiator, responder, 'canary three');
  sent.push(initiator.split().seal(text('canary four')));
  const wire = Buffer.concat(sent);
  expect(wire.includes('canary')).toBe(false);
  expect(wire.includes(device.publicKey)).toBe(false);
  expect(wire.includes(server.publicKey)).toBe(false);
});

test('B4 every handshake has ephemeral keys of its own', () => {
  const first = sides('NK').initiator.writeMessage(text(''));
  const second = sides('NK').initiator.writeMessage(text(''));
  expect(Buffer.compare(first.subarray(0, 32), second.subarray(0, 32))).not.toBe(0);
});

test.each(['XK', 'NK'] as const)('B4 %s fails for a server that does not hold the pinned key', (pattern) => {
  const { initiator, responder } = sides(pattern, { remoteStatic: generateStaticKeyPair().publicKey });
  const message = initiator.writeMessage(text(''));
  expect(failureOf(() => responder.readMessage(message))).toBe('not_authentic');
  expect(failureOf(() => responder.writeMessage(text('')))).toBe('closed');
});

test.each(['XK', 'NK'] as const)('B3 %s fails when the two ends saw different openings', (pattern) => {
  const { initiator, responder } = sides(pattern, { prologue: Buffer.from('another') });
  expect(failureOf(() => responder.readMessage(initiator.writeMessage(text(''))))).toBe('not_authentic');
});

test.each(['XK', 'NK'] as const)(
  'B3 a flipped bit anywhere in any handshake message of %s ends the handshake',
  (pattern) => {
    const messages = pattern === 'XK' ? 3 : 2;
    for (let broken = 0; broken < messages; broken++) {
      const length = [48, 48, 64][broken] as number;
      for (let at = 0; at < length; at++) {
        const { initiator, responder } = sides(pattern);
        for (let step = 0; step <= broken; step++) {
          const [from, to] = step % 2 === 0 ? [initiator, responder] : [responder, initiator];
          const message = from.writeMessage(text(''));
          expect(message.length).toBe([48, 48, 64][step]);
          if (step < broken) {
            to.readMessage(message);
            continue;
          }
          message[at] = (message[at] as number) ^ 1;
          expect(failureOf(() => to.readMessage(message))).toBe('not_authentic');
          expect(failureOf(() => to.readMessage(message))).toBe('closed');
          expect(failureOf(() => to.split())).toBe('closed');
        }
      }
    }
  },
);

test('B3 a handshake message that was cut short ends the handshake', () => {
  for (let length = 0; length < 48; length++) {
    const { initiator, responder } = sides('XK');
    const message = initiator.writeMessage(text('')).subarray(0, length);
    expect(['malformed', 'not_authentic']).toContain(failureOf(() => responder.readMessage(message)));
  }
});

test('B4 an ephemeral key of low order is refused', () => {
  const { responder } = sides('XK');
  expect(failureOf(() => responder.readMessage(new Uint8Array(48)))).toBe('weak_key');
});

test('B3 handshake steps out of turn are refused', () => {
  expect(failureOf(() => sides('XK').responder.writeMessage(text('')))).toBe('out_of_turn');
  expect(failureOf(() => sides('XK').initiator.readMessage(new Uint8Array(48)))).toBe('out_of_turn');
  const { initiator, responder } = sides('XK');
  expect(failureOf(() => initiator.split())).toBe('out_of_turn');
  expect(failureOf(() => initiator.writeMessage(text('')))).toBe('closed');
  responder.readMessage(sides('XK').initiator.writeMessage(text('')));
  expect(failureOf(() => responder.readMessage(new Uint8Array(48)))).toBe('out_of_turn');
});

test('B3 a handshake gives its ciphers once', () => {
  const { initiator, responder } = sides('NK');
  responder.readMessage(initiator.writeMessage(text('')));
  initiator.readMessage(responder.writeMessage(text('')));
  initiator.split();
  expect(failureOf(() => initiator.split())).toBe('closed');
  expect(failureOf(() => initiator.writeMessage(text('')))).toBe('closed');
});

test('B4 keys that do not fit are refused before anything is sent', () => {
  const mixed = { publicKey: server.publicKey, privateKey: device.privateKey };
  const options = { pattern: 'XK', prologue, remoteStatic: server.publicKey } as const;
  expect(failureOf(() => createInitiator({ ...options, staticKeyPair: mixed }))).toBe('malformed');
  expect(failureOf(() => createInitiator(options))).toBe('malformed');
  const short = { publicKey: server.publicKey, privateKey: new Uint8Array(31) };
  expect(failureOf(() => createResponder({ pattern: 'NK', prologue, staticKeyPair: short }))).toBe(
    'malformed',
  );
});

test('B3 messages open in both directions in the order in which they were sealed', () => {
  const ends = run('XK');
  for (const word of ['one', 'two', '', 'four']) {
    expect(ends.server.open(ends.device.seal(text(word)))).toEqual(text(word));
    expect(ends.device.open(ends.server.seal(text(word)))).toEqual(text(word));
  }
  const largest = new Uint8Array(NOISE_PLAINTEXT_BYTES_MAX).fill(7);
  const sealed = ends.device.seal(largest);
  expect(sealed.length).toBe(65_535);
  expect(ends.server.open(sealed)).toEqual(largest);
});

test.each<[string, (sealed: Uint8Array[]) => Uint8Array, string]>([
  ['replayed', (sealed) => sealed[0] as Uint8Array, 'not_authentic'],
  ['skipped', (sealed) => sealed[2] as Uint8Array, 'not_authentic'],
  ['truncated', (sealed) => (sealed[1] as Uint8Array).subarray(0, -1), 'not_authentic'],
  ['empty', () => new Uint8Array(0), 'malformed'],
  ['extended', (sealed) => Buffer.concat([sealed[1] as Uint8Array, Buffer.of(0)]), 'not_authentic'],
  ['too long', () => new Uint8Array(65_536), 'too_long'],
])('B3 a frame that is %s ends the connection in both directions', (_name, pick, failure) => {
  const ends = run('XK');
  const sealed = ['one', 'two', 'three'].map((word) => ends.device.seal(text(word)));
  ends.server.open(sealed[0] as Uint8Array);
  expect(failureOf(() => ends.server.open(pick(sealed)))).toBe(failure);
  expect(failureOf(() => ends.server.open(sealed[1] as Uint8Array))).toBe('closed');
  expect(failureOf(() => ends.server.seal(text('x')))).toBe('closed');
});

test('B3 a flipped bit anywhere in a frame ends the connection', () => {
  for (let at = 0; at < 3 + 16; at++) {
    const ends = run('NK');
    const sealed = ends.device.seal(text('abc'));
    sealed[at] = (sealed[at] as number) ^ 0x80;
    expect(failureOf(() => ends.server.open(sealed))).toBe('not_authentic');
    expect(failureOf(() => ends.server.open(sealed))).toBe('closed');
  }
});

test('B3 a frame does not open at the end that sealed it', () => {
  const ends = run('XK');
  expect(failureOf(() => ends.device.open(ends.device.seal(text('mirror'))))).toBe('not_authentic');
});

test('B4 a key seals and opens its last message and then no more', () => {
  const key = new Uint8Array(32).fill(3);
  const ends = [MESSAGES_PER_KEY_MAX - 1, MESSAGES_PER_KEY_MAX - 1].map(
    (counter) => new Cipher({ send: new CipherState(key, counter), receive: new CipherState(key, counter) }),
  ) as [Cipher, Cipher];
  expect(ends[1].open(ends[0].seal(text('last')))).toEqual(text('last'));
  expect(failureOf(() => ends[0].seal(text('one more')))).toBe('exhausted');
  expect(failureOf(() => ends[0].seal(text('one more')))).toBe('closed');
});

test('B3 a plaintext that is too long is refused and closes the channel', () => {
  const ends = run('XK');
  expect(failureOf(() => ends.device.seal(new Uint8Array(NOISE_PLAINTEXT_BYTES_MAX + 1)))).toBe('too_long');
  expect(failureOf(() => ends.device.seal(text('x')))).toBe('closed');
});

test('B3 of what is sealed for one place in advance one comes out, and opens as the next message', () => {
  const { device: sender, server: receiver } = run('XK');
  const another = run('XK').device;
  expect(receiver.open(sender.seal(text('first')))).toEqual(text('first'));
  const [kept, other, late] = ['kept', 'other', 'late'].map((word) => sender.sealAhead(text(word)));
  if (kept === undefined || other === undefined || late === undefined) throw new Error('nothing was sealed');
  // Nobody else can take it, and it is no message before it is taken.
  expect(another.takeAhead(kept)).toBeUndefined();
  expect(receiver.open(sender.takeAhead(kept) ?? new Uint8Array(0))).toEqual(text('kept'));
  expect(sender.takeAhead(kept)).toBeUndefined();
  expect(sender.takeAhead(other)).toBeUndefined();
  // What is sent meanwhile has its place.
  const overtaken = sender.sealAhead(text('overtaken'));
  expect(receiver.open(sender.seal(text('sent')))).toEqual(text('sent'));
  expect(overtaken && sender.takeAhead(overtaken)).toBeUndefined();
  const next = sender.sealAhead(text('next'));
  sender.close();
  expect(next && sender.takeAhead(next)).toBeUndefined();
  expect(sender.sealAhead(text('closed'))).toBeUndefined();
});

test('B4 nothing is sealed in advance behind the last message of a key', () => {
  const state = () => new CipherState(new Uint8Array(32).fill(3), MESSAGES_PER_KEY_MAX - 1);
  const cipher = new Cipher({ send: state(), receive: state() });
  const last = cipher.sealAhead(text('last'));
  expect(last && cipher.takeAhead(last)).toBeDefined();
  expect(cipher.sealAhead(text('one more'))).toBeUndefined();
  expect(failureOf(() => cipher.seal(text('one more')))).toBe('exhausted');
});
