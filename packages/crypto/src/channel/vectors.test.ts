/**
 * Known answers. `noise-vectors.json` holds two of our own, each key being the SHA-256 of a text such as
 * "kuvert example key: XK device ephemeral"; `scripts/interop-noise.mjs` has an independent implementation
 * reproduce them. Where the corpora stand beside the project, the vectors of snow and cacophony and
 * Wycheproof's X25519 cases run as well.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ChannelError } from './channel-error.ts';
import { Handshake, type NoisePattern } from './handshake-state.ts';
import { loadPrivateKey, sharedSecret } from './x25519.ts';

interface Vector {
  readonly protocol_name: string;
  readonly init_prologue: string;
  readonly resp_prologue: string;
  readonly init_static?: string;
  readonly init_ephemeral: string;
  readonly init_remote_static: string;
  readonly resp_static: string;
  readonly resp_ephemeral: string;
  readonly handshake_hash?: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
  readonly from?: string;
}

const corpora = process.env.KUVERT_CORPORA ?? join(import.meta.dirname, '../../../../../shared/corpora');
const noiseFile = join(corpora, 'noise/vectors.json');
const x25519File = join(corpora, 'wycheproof/x25519_test.json');
const ours = readJson<Vector[]>(join(import.meta.dirname, 'noise-vectors.json'));

test.each(ours.map((vector) => [vector.protocol_name, vector] as const))(
  'B3 B4 %s gives our own known answers',
  (_name, vector) => {
    replay(vector);
  },
);

test.skipIf(!existsSync(noiseFile))('B3 B4 XK and NK give the answers of the published vectors', () => {
  const wanted = readJson<Vector[]>(noiseFile).filter((vector) =>
    /^Noise_(XK|NK)_25519_AESGCM_SHA256$/.test(vector.protocol_name),
  );
  expect(wanted.map((vector) => `${vector.protocol_name.slice(6, 8)} ${vector.from}`).sort()).toEqual([
    'NK cacophony',
    'NK snow',
    'XK cacophony',
    'XK snow',
  ]);
  for (const vector of wanted) replay(vector);
});

test.skipIf(!existsSync(x25519File))(
  'B4 X25519 agrees with Wycheproof and refuses what gives an all-zero secret',
  () => {
    interface Case {
      readonly public: string;
      readonly private: string;
      readonly shared: string;
      readonly result: 'valid' | 'acceptable' | 'invalid';
    }
    const cases = readJson<{ testGroups: { tests: Case[] }[] }>(x25519File).testGroups.flatMap(
      (group) => group.tests,
    );
    let zeros = 0;
    for (const one of cases) {
      if (one.public.length !== 64) continue;
      const run = () => sharedSecret(loadPrivateKey(fromHex(one.private)).privateKey, fromHex(one.public));
      if (/^0*$/.test(one.shared)) {
        zeros++;
        expect(failureOf(run)).toBe('weak_key');
      } else {
        expect(run().toString('hex')).toBe(one.shared);
      }
    }
    expect(zeros).toBeGreaterThan(10);
    expect(cases.length).toBeGreaterThan(400);
  },
);

function replay(vector: Vector): void {
  const pattern = vector.protocol_name.slice(6, 8) as NoisePattern;
  const initiator = new Handshake({
    pattern,
    initiator: true,
    prologue: fromHex(vector.init_prologue),
    own: vector.init_static === undefined ? undefined : loadPrivateKey(fromHex(vector.init_static)),
    remoteStatic: fromHex(vector.init_remote_static),
    ephemeral: loadPrivateKey(fromHex(vector.init_ephemeral)),
  });
  const responder = new Handshake({
    pattern,
    initiator: false,
    prologue: fromHex(vector.resp_prologue),
    own: loadPrivateKey(fromHex(vector.resp_static)),
    remoteStatic: undefined,
    ephemeral: loadPrivateKey(fromHex(vector.resp_ephemeral)),
  });
  const sides = [initiator, responder] as const;
  const handshakeMessages = pattern === 'XK' ? 3 : 2;
  for (const [index, message] of vector.messages.slice(0, handshakeMessages).entries()) {
    const sealed = (index % 2 === 0 ? initiator : responder).writeMessage(fromHex(message.payload));
    expect(toHex(sealed)).toBe(message.ciphertext);
    expect(toHex((index % 2 === 0 ? responder : initiator).readMessage(sealed))).toBe(message.payload);
  }
  for (const side of sides) {
    expect(side.done).toBe(true);
    if (vector.handshake_hash !== undefined) expect(toHex(side.handshakeHash)).toBe(vector.handshake_hash);
  }
  const ciphers = [initiator.split(), responder.split()] as const;
  for (const [index, message] of vector.messages.entries()) {
    if (index < handshakeMessages) continue;
    const [from, to] = index % 2 === 0 ? ciphers : ([ciphers[1], ciphers[0]] as const);
    const sealed = from.seal(fromHex(message.payload));
    expect(toHex(sealed)).toBe(message.ciphertext);
    expect(toHex(to.open(sealed))).toBe(message.payload);
  }
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

function readJson<Value>(file: string): Value {
  return JSON.parse(readFileSync(file, 'utf8')) as Value;
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
