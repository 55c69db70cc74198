/** Damage: to values of control messages, and to bytes. */
import { type CborValue, ID_TYPES, type IdType, makeId } from '@kuvert/protocol';
import fc from 'fast-check';

/** Numbers at and beyond the edges of what formats allow. */
const oddNumber: fc.Arbitrary<number> = fc.constantFrom(
  ...[-1, 0, 1, 2, 255, 256, 65_535, 65_536, 500, 501, 0xffffff, 0x1000000, 0xffffffff, 0x100000000],
  ...[2 ** 53 - 1, -(2 ** 53 - 1), 0.5, -0.5, 1e300, 5e-324, 8.64e15, 8.64e15 + 1],
);

/** An id of any type, well formed. */
export const anyId: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(ID_TYPES) as IdType[])),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  )
  .map(([type, bytes]) => makeId(type, bytes));

/** Texts with which others were broken. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 40, unit: 'binary' }),
  anyId,
  anyId.map((id) => id.toUpperCase()),
  anyId.map((id) => `${id} `),
  anyId.map((id) => `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`),
  fc.constantFrom(
    ...['', ' ', '\0', 'a\0b', '../../../etc/passwd', '%00', '{"$ne":null}', "' OR 1=1 --", '__proto__'],
    ...[
      'constructor',
      'toString',
      '💥'.repeat(64),
      'ı',
      '\u202e',
      '\ufeff',
      'a@b',
      'A@B.Example',
      '@',
      'a@@b',
    ],
    ...['x'.repeat(255), 'x'.repeat(513), 'x'.repeat(70_000), 'null', '-0', 'NaN', '1e309'],
  ),
);

/** Objects where text is expected (CVE-2021-22911). */
export const oddOperator: fc.Arbitrary<CborValue> = fc.constantFrom<CborValue>(
  { $ne: null },
  { $gt: '' },
  { $regex: '.*' },
  { $where: 'sleep(1000)' },
  { $in: ['a'] },
  { toString: 'x' },
  { length: 17 },
  { constructor: { prototype: {} } },
);

const oddLeaf: fc.Arbitrary<CborValue> = fc.oneof(
  fc.constantFrom<CborValue>(null, true, false, [], {}),
  oddNumber,
  oddText,
  oddOperator,
  fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes)),
  fc.constantFrom(16, 17, 31, 32, 33, 64, 1_569, 16_384, 16_385, 60_000).map((size) => new Uint8Array(size)),
);

/** Any value that CBOR can carry, also nested more deeply than is allowed. */
export const oddValue: fc.Arbitrary<CborValue> = fc.oneof(
  { weight: 6, arbitrary: oddLeaf },
  { weight: 1, arbitrary: fc.array(oddLeaf, { maxLength: 5 }) },
  { weight: 1, arbitrary: fc.dictionary(fc.string({ maxLength: 12 }), oddLeaf, { maxKeys: 5 }).map(plain) },
  { weight: 1, arbitrary: fc.tuple(oddLeaf, fc.integer({ min: 1, max: 40 }), fc.boolean()).map(nested) },
);

function plain(value: { [key: string]: CborValue }): CborValue {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== '__proto__'));
}

function nested([leaf, depth, inArrays]: [CborValue, number, boolean]): CborValue {
  let value = leaf;
  for (let i = 0; i < depth; i++) value = inArrays ? [value] : { a: value };
  return value;
}

/** How many values a repeated one may be made of, and about how long it may be when it is written as text. */
const PLACES_MAX = 20_000;
const TEXT_MAX = 4_000_000;

type Damage =
  | { readonly kind: 'replace'; readonly by: CborValue }
  | { readonly kind: 'remove' }
  | { readonly kind: 'add'; readonly name: string; readonly value: CborValue }
  | { readonly kind: 'repeat'; readonly times: number }
  | { readonly kind: 'resize'; readonly bytes: number };

const damage: fc.Arbitrary<{ readonly at: number; readonly damage: Damage }> = fc.record({
  at: fc.nat(1_000),
  damage: fc.oneof(
    oddValue.map((by): Damage => ({ kind: 'replace', by })),
    fc.constant<Damage>({ kind: 'remove' }),
    fc
      .tuple(fc.constantFrom('extra', 'tenantId', 'personId', 'toString', '$where'), oddValue)
      .map(([name, value]): Damage => ({ kind: 'add', name, value })),
    fc.constantFrom(2, 17, 101, 501).map((times): Damage => ({ kind: 'repeat', times })),
    fc.constantFrom(-1, 1, 1_000).map((bytes): Damage => ({ kind: 'resize', bytes })),
  ),
});

/** The value with up to `max` things wrong with it. */
export function damaged(value: fc.Arbitrary<CborValue>, max = 3): fc.Arbitrary<CborValue> {
  return fc
    .tuple(value, fc.array(damage, { minLength: 1, maxLength: max }))
    .map(([start, damages]) =>
      damages.reduce((now, one) => damageAt(now, { left: one.at % places(now) }, one.damage), start),
    );
}

function places(value: CborValue): number {
  return 1 + childrenOf(value).reduce((sum, [, child]) => sum + places(child), 0);
}

/** About the length of the value as JSON, where a byte is an entry of an object. */
function textLength(value: CborValue): number {
  if (typeof value === 'string') return value.length + 1;
  if (value instanceof Uint8Array) return 10 * value.length + 1;
  return 1 + childrenOf(value).reduce((sum, [, child]) => sum + textLength(child), 0);
}

function childrenOf(value: CborValue): [string, CborValue][] {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return [];
  return Object.entries(value).filter((entry): entry is [string, CborValue] => entry[1] !== undefined);
}

function damageAt(value: CborValue, place: { left: number }, what: Damage): CborValue {
  if (place.left === 0) return damageHere(value, what);
  place.left--;
  const children: [string, CborValue | undefined][] = childrenOf(value);
  for (const entry of children) {
    const size = places(entry[1] as CborValue);
    if (place.left < size) {
      const isRemoved = place.left === 0 && what.kind === 'remove';
      entry[1] = isRemoved ? undefined : damageAt(entry[1] as CborValue, place, what);
      break;
    }
    place.left -= size;
  }
  const kept = children.filter((entry): entry is [string, CborValue] => entry[1] !== undefined);
  return Array.isArray(value) ? kept.map(([, child]) => child) : Object.fromEntries(kept);
}

function damageHere(value: CborValue, what: Damage): CborValue {
  if (what.kind === 'replace') return what.by;
  if (what.kind === 'remove') return null;
  if (what.kind === 'add' && isMap(value)) return { ...value, [what.name]: what.value };
  if (what.kind === 'repeat') {
    // Repetitions of repetitions would soon be larger than memory.
    const most = Math.min(PLACES_MAX / places(value), TEXT_MAX / textLength(value));
    const times = Math.min(what.times, Math.max(2, Math.floor(most)));
    return Array.isArray(value) ? repeated(value, times) : [value, value];
  }
  if (what.kind === 'resize' && value instanceof Uint8Array) return resized(value, what.bytes);
  if (what.kind === 'resize' && typeof value === 'string')
    return what.bytes < 0 ? value.slice(0, -1) : value + 'x'.repeat(what.bytes);
  return typeof value === 'number' ? value + 1 : [value];
}

function isMap(value: CborValue): value is { readonly [key: string]: CborValue | undefined } {
  return (
    value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function repeated(list: readonly CborValue[], times: number): CborValue[] {
  const [first = null] = list;
  return Array.from({ length: times }, (_, i) => list[i] ?? first);
}

function resized(bytes: Uint8Array, by: number): Uint8Array {
  const size = Math.max(0, bytes.length + by);
  const other = new Uint8Array(size);
  other.set(bytes.subarray(0, size));
  return other;
}

/** Bytes with bits flipped, cut off, put in or doubled. Sometimes nothing changes. */
export function damagedBytes(start: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const step = fc.record({
    kind: fc.constantFrom('flip', 'set', 'cut', 'insert', 'double', 'lengthen' as const),
    at: fc.nat(100_000),
    value: fc.nat(255),
  });
  return fc.tuple(start, fc.array(step, { minLength: 1, maxLength: 3 })).map(([bytes, steps]) => {
    let now = Array.from(bytes);
    for (const { kind, at, value } of steps) {
      const index = now.length === 0 ? 0 : at % now.length;
      if (kind === 'flip' && now.length > 0) now[index] = (now[index] as number) ^ (1 << (value & 7));
      else if (kind === 'set' && now.length > 0) now[index] = value;
      else if (kind === 'cut') now = now.slice(0, index);
      else if (kind === 'insert') now.splice(index, 0, value);
      else if (kind === 'double') now = [...now.slice(0, index), ...now.slice(index), ...now.slice(index)];
      // Four bytes that a length may stand in.
      else if (kind === 'lengthen') now.splice(index, 4, 255, 255, value, at & 255);
    }
    return Uint8Array.from(now);
  });
}

/** CBOR that a strict reader must refuse, in hex (wire.md §1), and what is wrong with it. */
export const REFUSED_CBOR = [
  ['nothing', ''],
  ['undefined', 'f7'],
  ['a break', 'ff'],
  ['an array without end', '9f'],
  ['an array of indefinite length', '9fff'],
  ['a map of indefinite length', 'bfff'],
  ['a byte string of indefinite length', '5f4100ff'],
  ['a text of indefinite length', '7f6161ff'],
  ['a tag for a date', 'c074323031332d30332d32315432303a30343a30305a'],
  ['a tag for shared values', 'd81c80'],
  ['a tag for a big number', 'c249010000000000000000'],
  ['a key twice', 'a2616101616102'],
  ['a key __proto__', 'a1695f5f70726f746f5f5fa0'],
  ['a key that is a number', 'a10102'],
  ['infinity', 'fb7ff0000000000000'],
  ['not a number', 'f97e00'],
  ['a number beyond 2⁵³', '1bffffffffffffffff'],
  ['a number in too many bytes', '1800'],
  ['an array longer than memory', '9bffffffffffffffff'],
  ['a map longer than memory', 'bbffffffffffffffff'],
  ['bytes longer than memory', '5bffffffffffffffff'],
  ['a text longer than memory', '7bffffffffffffffff'],
  ['an array longer than the record', '9a00ffffff'],
  ['nesting of nine arrays', `${'81'.repeat(9)}00`],
  ['nesting of 5,000 arrays', `${'81'.repeat(5_000)}00`],
  ['nesting of nine maps', `${'a16161'.repeat(9)}00`],
  ['bytes behind the end', '0000'],
  ['a text that is not UTF-8', '62c328'],
  ['a reserved length', '1c'],
  ['a simple value', 'e0'],
] as const;

/** The same, as attacks. */
export const oddCbor: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc
  .constantFrom(...REFUSED_CBOR.map(([, hex]) => hex), 'a0', 'f6', '80', '00', 'f0')
  .map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
