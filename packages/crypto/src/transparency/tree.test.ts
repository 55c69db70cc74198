import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifyConsistency, verifyInclusion } from './proofs.ts';
import { isLeafOf, newLeafSalt, saltedLeaf } from './salted-leaf.ts';
import {
  appendLeaves,
  EMPTY_HEAD,
  headAt,
  proveConsistency,
  proveInclusion,
  rootOf,
  type TreeHead,
} from './tree.ts';
import { emptyRoot, type Hash, leafHash, nodeHash } from './tree-hash.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const entry = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

/** The eight entries and roots that the tests of Certificate Transparency use. */
const ENTRIES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

/** A tree with what was stored of it. */
function grow(leaves: readonly Hash[], steps: readonly number[]) {
  const stored = new Map<string, Hash>();
  let head: TreeHead = EMPTY_HEAD;
  let at = 0;
  for (const step of [...steps, leaves.length]) {
    const grown = appendLeaves(head, leaves.slice(at, at + step));
    at = Math.min(at + step, leaves.length);
    head = grown.head;
    for (const { level, index, hash } of grown.completed) {
      expect(stored.has(`${level}/${index}`), 'a hash is written once').toBe(false);
      stored.set(`${level}/${index}`, hash);
    }
  }
  const read = (level: number, index: number): Hash => {
    const hash = stored.get(`${level}/${index}`);
    if (hash === undefined) throw new Error(`nothing was stored at ${level}/${index}`);
    return hash;
  };
  return { head, read };
}

/** MTH of RFC 6962 §2.1, word by word. */
function slowRoot(leaves: readonly Hash[]): Hash {
  const [first] = leaves;
  if (first === undefined) return emptyRoot();
  if (leaves.length === 1) return first;
  let power = 1;
  while (power * 2 < leaves.length) power *= 2;
  return nodeHash(slowRoot(leaves.slice(0, power)), slowRoot(leaves.slice(power)));
}

test('C7 roots are those of Certificate Transparency', () => {
  expect(hex(rootOf(EMPTY_HEAD))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  const leaves = ENTRIES.map((text) => leafHash(entry(text)));
  for (const [count, root] of ROOTS.entries()) {
    expect(hex(rootOf(appendLeaves(EMPTY_HEAD, leaves.slice(0, count + 1)).head))).toBe(root);
  }
});

test('C7 every proof of a random tree holds, also after growing in steps, and none holds for anything else', async () => {
  const flip = (hash: Hash, at: number) => hash.map((byte, i) => (i === at ? byte ^ 1 : byte));
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 130 }),
      fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 8 }),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 0, max: 31 }),
      async (count, steps, a, b, at) => {
        const leaves = Array.from({ length: count }, (_, i) => leafHash(Uint8Array.of(i)));
        const { head, read } = grow(leaves, steps);
        const root = slowRoot(leaves);
        expect(hex(rootOf(head))).toBe(hex(root));
        const size = 1 + (b % count);
        expect(hex(rootOf(await headAt(size, read)))).toBe(hex(slowRoot(leaves.slice(0, size))));

        const index = a % size;
        const inSize = slowRoot(leaves.slice(0, size));
        const claim = { index, size, leaf: leaves[index] as Hash, root: inSize };
        const proof = await proveInclusion(index, size, read);
        expect(verifyInclusion(claim, proof)).toBe(true);
        expect(verifyInclusion({ ...claim, leaf: flip(claim.leaf, at) }, proof)).toBe(false);
        expect(verifyInclusion({ ...claim, index: (index + 1) % size }, proof)).toBe(size === 1);
        expect(verifyInclusion(claim, [...proof, claim.leaf])).toBe(false);

        const grown = { size1: size, root1: inSize, size2: count, root2: root };
        const path = await proveConsistency(size, count, read);
        expect(verifyConsistency(grown, path)).toBe(true);
        expect(verifyConsistency({ ...grown, root1: flip(inSize, at) }, path)).toBe(false);
        expect(verifyConsistency({ ...grown, root2: flip(root, at) }, path)).toBe(false);
        if (path.length > 0) expect(verifyConsistency(grown, path.slice(1))).toBe(false);
      },
    ),
    { numRuns: 150 },
  );
});

test('C7 what is not there cannot be proven', async () => {
  const { read } = grow([leafHash(entry('00'))], []);
  await expect(proveInclusion(1, 1, read)).rejects.toThrow(RangeError);
  await expect(proveConsistency(0, 1, read)).rejects.toThrow(RangeError);
  await expect(proveConsistency(2, 1, read)).rejects.toThrow(RangeError);
  expect(verifyInclusion({ index: 0.5, size: 2, leaf: emptyRoot(), root: emptyRoot() }, [])).toBe(false);
});

test('F4 an entry whose salt is destroyed leaves a leaf that holds and tells nothing', () => {
  const salted = { salt: newLeafSalt(), entry: entry('2021') };
  const hash = leafHash(saltedLeaf(salted));
  expect(isLeafOf(hash, salted)).toBe(true);
  expect(isLeafOf(hash, { ...salted, entry: entry('2022') })).toBe(false);
  expect(isLeafOf(hash, { ...salted, salt: newLeafSalt() })).toBe(false);
  expect(isLeafOf(hash, { salt: new Uint8Array(0), entry: salted.entry })).toBe(false);
});
