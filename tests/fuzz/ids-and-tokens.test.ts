/** What people and devices carry around: ids, page markers, enrolment tokens. Changed anywhere, they are refused as what they are. */
import {
  decodeToken,
  encodeToken,
  ID_BYTES,
  ID_TYPES,
  type IdType,
  InvalidIdError,
  idFromBytes,
  isId,
  KuvertError,
  makeId,
  parseId,
} from '@kuvert/protocol';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { campaign } from './campaign.ts';
import { damagedBytes, oddText } from './mutations.ts';
import { Peer } from './peer.ts';
import { expectAnswer } from './refusals.ts';
import { type KnownDevice, World } from './world.ts';

let world: World;
let device: KnownDevice;

beforeAll(async () => {
  world = await World.start();
  device = await world.device();
});

afterEach(async () => {
  await world.expectQuiet();
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const types = Object.keys(ID_TYPES) as IdType[];
const random16 = fc.uint8Array({ minLength: 16, maxLength: 16 });

/** The text with characters changed, dropped, put in or moved. */
function damagedText(start: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return damagedBytes(start.map((text) => new Uint8Array(Buffer.from(text)))).map((bytes) =>
    Buffer.from(bytes).toString('utf8'),
  );
}

test('finding 6 B6 an id passes for its own type only, and a changed one for none', async () => {
  const id = fc.tuple(fc.constantFrom(...types), random16).map(([type, bytes]) => makeId(type, bytes));
  await campaign(
    'ids',
    300,
    fc.asyncProperty(id, fc.oneof(oddText, damagedText(id)), random16, async (good, odd, bytes) => {
      expect(types.filter((type) => isId(type, good))).toHaveLength(1);
      for (const type of types) {
        if (isId(type, odd)) expect(odd).toMatch(/^[a-z]{2}_[0-9a-hjkmnp-tv-z]{29}$/);
        else expect(() => parseId(type, odd)).toThrow(InvalidIdError);
        const raw = Uint8Array.of(ID_TYPES[type].byte, ...bytes);
        for (const other of types.filter((one) => one !== type)) {
          expect(() => idFromBytes(other, raw)).toThrow(InvalidIdError);
        }
        expect(() => idFromBytes(type, raw.subarray(0, ID_BYTES - 1))).toThrow(InvalidIdError);
      }
    }),
  );
});

test('H9 a page marker that is changed, of another list or invented is refused and gives no page', async () => {
  const peer = await world.connect(device);
  const page = await peer.request('people.list', { limit: 1 });
  const marker = (page as { result: { next: string } }).result.next;
  const odd = fc.oneof(oddText, damagedText(fc.constant(marker)), fc.constant(marker.toUpperCase()));
  await campaign(
    'page markers',
    60,
    fc.asyncProperty(odd, async (after) => {
      fc.pre(after !== marker);
      const answer = await peer.request('people.list', { after, limit: 1 });
      expectAnswer(answer, 'people.list');
      expect(['cursor_invalid', 'bad_request']).toContain((answer as { error: { code: string } }).error.code);
    }),
  );
  peer.close();
});

test('E1 H9 a changed enrolment token is refused by its reader, and a changed proof by the server alike', async () => {
  const { token } = await world.token();
  const text = encodeToken(token);
  const odd = fc.oneof(oddText, damagedText(fc.constant(text)), fc.constant(` ${text.toUpperCase()}`));
  await campaign(
    'token texts',
    200,
    fc.asyncProperty(odd, async (changed) => {
      fc.pre(changed.trim() !== text);
      try {
        // The last characters of base64 have bits that mean nothing; what they carry must be the same token.
        expect(encodeToken(decodeToken(changed))).toBe(text);
      } catch (error) {
        if (!(error instanceof KuvertError)) throw error;
        expect(error.code).toBe('token_malformed');
      }
    }),
  );
  const foreign = fc.record(
    {
      tenantId: fc.constantFrom(device.tenantId, makeId('tenant', new Uint8Array(16))),
      tokenId: random16.map((bytes) => makeId('enrolmentToken', bytes)),
      secret: fc.oneof(
        fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Uint8Array.from(bytes)),
        fc.nat(255).map((bit) => {
          const secret = Uint8Array.from(token.secret);
          secret[bit >> 3] = (secret[bit >> 3] as number) ^ (1 << (bit & 7));
          return secret;
        }),
      ),
    },
    { requiredKeys: [] },
  );
  const { tenantId, tokenId, secret } = token;
  await campaign(
    'token proofs',
    60,
    fc.asyncProperty(foreign, async (changes) => {
      fc.pre(Object.keys(changes).some((key) => key !== 'tenantId') || changes.tenantId !== undefined);
      const proof = { tenantId, tokenId, secret: Uint8Array.from(secret), ...changes };
      const isSame =
        changes.tokenId === undefined && changes.secret === undefined && proof.tenantId === tenantId;
      fc.pre(!isSame);
      const peer = await Peer.enrolling(world.place);
      const answer = await peer.request('enrolment.open', proof);
      expectAnswer(answer, 'enrolment.open');
      const { error } = answer as { error: { code: string; retry: { ms?: number } } };
      expect(['token_not_valid', 'rate_limited']).toContain(error.code);
      // Guessing is slowed down; so that it can go on, time passes.
      if (error.code === 'rate_limited') world.installation.clock.advance(error.retry.ms ?? 0);
      peer.close();
    }),
  );
  world.installation.clock.advance(15 * 60_000);
  const peer = await Peer.enrolling(world.place);
  const opened = await peer.request('enrolment.open', { tenantId, tokenId, secret: Uint8Array.from(secret) });
  expect(opened).toHaveProperty('result');
  peer.close();
});

test('H9 after all of this people write to each other as before', () => world.expectUnharmed());
