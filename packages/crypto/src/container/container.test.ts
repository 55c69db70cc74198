import { argon2Sync, createHash } from 'node:crypto';
import { type CborValue, decodeCbor, encodeCbor } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addPassphraseSlot,
  changePassphrase,
  createContainer,
  databaseKey,
  type OpenContainer,
  openContainer,
  removePassphraseSlot,
} from './container.ts';
import { ContainerError } from './container-error.ts';
import { ARGON2ID_COST_MAX, DEFAULT_ARGON2ID_COST } from './key-derivation.ts';

const cost = { memoryKiB: 64, passes: 1, parallelism: 1 };
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const first = text('correct horse');
const second = text('battery staple');
const container = await createContainer({ passphrase: first, cost });

interface Raw {
  readonly v: number;
  readonly slots: readonly {
    readonly type: string;
    readonly kdf: { [key: string]: CborValue };
    readonly wrappedKey: Uint8Array;
  }[];
}

/** The header with something changed by one who knows the format: the checksum is right again. */
function forge(header: Uint8Array, change: (raw: Raw) => { [key: string]: CborValue }): Uint8Array {
  const { v, slots } = decodeCbor(header) as unknown as Raw;
  const body = change({ v, slots });
  const check = Uint8Array.from(createHash('sha256').update(encodeCbor(body)).digest().subarray(0, 8));
  return encodeCbor({ ...body, check });
}

function withKdf(change: { [key: string]: CborValue }): Uint8Array {
  return forge(container.header, ({ v, slots }) => ({
    v,
    slots: slots.map((slot) => ({ ...slot, kdf: { ...slot.kdf, ...change } })),
  }));
}

async function codeOf(opening: Promise<unknown>): Promise<string> {
  try {
    await opening;
  } catch (error) {
    if (error instanceof ContainerError) return error.code;
    throw error;
  }
  return 'opened';
}

test('E3 Argon2id is that of RFC 9106 section 5.3', () => {
  const tag = argon2Sync('argon2id', {
    message: Buffer.alloc(32, 1),
    nonce: Buffer.alloc(16, 2),
    secret: Buffer.alloc(8, 3),
    associatedData: Buffer.alloc(12, 4),
    memory: 32,
    passes: 3,
    parallelism: 4,
    tagLength: 32,
  });
  expect(tag.toString('hex')).toBe('0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659');
});

test('E3 a container opens with its passphrase and with no other', async () => {
  expect(await openContainer(container.header, first)).toEqual(container.masterKey);
  expect(container.masterKey.length).toBe(32);
  expect(await codeOf(openContainer(container.header, second))).toBe('container_wrong_passphrase');
  expect(await codeOf(openContainer(container.header, new Uint8Array(0)))).toBe('container_wrong_passphrase');
});

test('E3 without a word a passphrase costs 64 MiB and three passes', async () => {
  const made = await createContainer({ passphrase: first });
  const raw = decodeCbor(made.header) as unknown as Raw;
  expect(raw.slots[0]?.kdf).toMatchObject({ name: 'argon2id', memoryKiB: 65_536, passes: 3, parallelism: 1 });
  expect(DEFAULT_ARGON2ID_COST).toEqual({ memoryKiB: 65_536, passes: 3, parallelism: 1 });
  expect(await openContainer(made.header, first)).toEqual(made.masterKey);
});

test('E3 two containers of one passphrase share neither key nor salt, and the header holds no key', async () => {
  const other = await createContainer({ passphrase: first, cost });
  expect(other.masterKey).not.toEqual(container.masterKey);
  const salts = [container, other].map(
    ({ header }) => (decodeCbor(header) as unknown as Raw).slots[0]?.kdf.salt,
  );
  expect(salts[0]).not.toEqual(salts[1]);
  expect(Buffer.from(container.header).includes(container.masterKey)).toBe(false);
  expect(Buffer.from(container.header).includes(databaseKey(container.masterKey))).toBe(false);
});

test('E3 an empty passphrase is refused', async () => {
  await expect(createContainer({ passphrase: new Uint8Array(0), cost })).rejects.toThrow(RangeError);
});

test('E3 changing the passphrase keeps the master key and shuts the old one out', async () => {
  const changed = await changePassphrase(container.header, first, { passphrase: second, cost });
  expect(await openContainer(changed, second)).toEqual(container.masterKey);
  expect(await codeOf(openContainer(changed, first))).toBe('container_wrong_passphrase');
  const refused = changePassphrase(container.header, second, { passphrase: first, cost });
  expect(await codeOf(refused)).toBe('container_wrong_passphrase');
});

test('E3 a second slot opens the same container until it is removed, and the last one stays', async () => {
  const two = await addPassphraseSlot(container, { passphrase: second, cost });
  expect(await openContainer(two, first)).toEqual(container.masterKey);
  expect(await openContainer(two, second)).toEqual(container.masterKey);
  const one = await removePassphraseSlot(two, first);
  expect(await openContainer(one, second)).toEqual(container.masterKey);
  expect(await codeOf(openContainer(one, first))).toBe('container_wrong_passphrase');
  await expect(removePassphraseSlot(one, second)).rejects.toThrow(RangeError);
});

test('E3 a header takes eight slots and no more', async () => {
  let open: OpenContainer = container;
  for (let slot = 1; slot < 8; slot++) {
    const header = await addPassphraseSlot(open, { passphrase: text(`slot ${slot}`), cost });
    open = { header, masterKey: container.masterKey };
  }
  expect(await openContainer(open.header, text('slot 7'))).toEqual(container.masterKey);
  await expect(addPassphraseSlot(open, { passphrase: second, cost })).rejects.toThrow(RangeError);
});

test('E3 a slot of a kind that this release cannot open is kept as it is', async () => {
  const hardware = {
    type: 'hardware',
    kdf: { name: 'keystore', alias: 'k1' },
    wrappedKey: Uint8Array.of(1, 2, 3),
  };
  const mixed = forge(container.header, ({ v, slots }) => ({ v, slots: [hardware, ...slots] }));
  expect(await openContainer(mixed, first)).toEqual(container.masterKey);
  const changed = await changePassphrase(mixed, first, { passphrase: second, cost });
  expect((decodeCbor(changed) as unknown as Raw).slots[0]).toEqual(hardware);
  const alone = forge(container.header, ({ v }) => ({ v, slots: [hardware] }));
  expect(await codeOf(openContainer(alone, first))).toBe('container_too_new');
});

test('E3 a flipped bit anywhere in the header is never taken for a wrong passphrase', async () => {
  for (let at = 0; at < container.header.length; at++) {
    for (const bit of [1, 0x80]) {
      const damaged = Uint8Array.from(container.header);
      damaged[at] = (damaged[at] as number) ^ bit;
      expect(await codeOf(openContainer(damaged, first))).toMatch(/^container_(damaged|too_new)$/);
    }
  }
});

test('E3 a header that was cut or is not one at all is damaged', async () => {
  for (let length = 0; length < container.header.length; length++) {
    expect(await codeOf(openContainer(container.header.subarray(0, length), first))).toBe(
      'container_damaged',
    );
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      expect(await codeOf(openContainer(bytes, first))).toMatch(/^container_(damaged|too_new)$/);
    }),
  );
  expect(await codeOf(openContainer(new Uint8Array(100_000), first))).toBe('container_damaged');
});

test('E3 a header of a later release is told apart from a damaged one', async () => {
  const later = encodeCbor({ v: 2, slots: 'something else', more: true });
  expect(await codeOf(openContainer(later, first))).toBe('container_too_new');
});

test.each<[string, { [key: string]: CborValue }]>([
  ['terabytes', { memoryKiB: 2 ** 31 }],
  ['more memory than the bound', { memoryKiB: ARGON2ID_COST_MAX.memoryKiB + 1 }],
  ['too many passes', { passes: 33 }],
  ['too many lanes', { parallelism: 5, memoryKiB: 64 }],
  ['too much memory and passes together', { memoryKiB: 524_288, passes: 9 }],
  ['no passes', { passes: 0 }],
  ['less memory than its lanes need', { memoryKiB: 7 }],
  ['another function', { name: 'argon2d' }],
  ['a short salt', { salt: new Uint8Array(8) }],
])('E3 a header that asks for %s is refused before it costs anything', async (_name, change) => {
  expect(await codeOf(openContainer(withKdf(change), first))).toBe('container_damaged');
});

test('E3 a wrapped key does not open under other parameters than its own', async () => {
  const halves = await createContainer({ passphrase: first, cost: { ...cost, passes: 2 } });
  const moved = forge(container.header, ({ v, slots }) => ({
    v,
    slots: slots.map((slot) => ({
      ...slot,
      kdf: (decodeCbor(halves.header) as unknown as Raw).slots[0]?.kdf ?? {},
    })),
  }));
  expect(await codeOf(openContainer(moved, first))).toBe('container_wrong_passphrase');
});

test('E3 the database key is fixed by the master key and is not the master key', () => {
  const key = databaseKey(new Uint8Array(32));
  expect(Buffer.from(key).toString('hex')).toBe(
    '8aacfc8caec468ed2d1ba6ca2d6a9030ab3f38a10b4646c2f40aa4b170b5a0eb',
  );
  expect(databaseKey(container.masterKey)).not.toEqual(container.masterKey);
  expect(() => databaseKey(new Uint8Array(31))).toThrow(RangeError);
});
