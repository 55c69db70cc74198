/**
 * `npm run bench-merkle`: appending to a Merkle log and proving, beside the hashes that it takes at least. In memory; what the store adds is measured where entries are written.
 */
import { createHash } from 'node:crypto';
import {
  appendLeaves,
  EMPTY_HEAD,
  type Hash,
  leafHash,
  proveConsistency,
  proveInclusion,
  rootOf,
  verifyInclusion,
} from '@kuvert/crypto/transparency';

const LEAVES = 200_000;
const BATCH = 256;
const PROOFS = 2_000;

const leaves = Array.from({ length: LEAVES }, (_, i) => leafHash(Buffer.from(String(i))));
const nodes = new Map<string, Hash>();
const read = (level: number, index: number) => nodes.get(`${level}/${index}`) as Hash;

const perSecond = (count: number, startedMs: number) =>
  Math.round(count / ((performance.now() - startedMs) / 1_000));

let started = performance.now();
let head = EMPTY_HEAD;
for (let at = 0; at < LEAVES; at += BATCH) {
  const next = appendLeaves(head, leaves.slice(at, at + BATCH));
  head = next.head;
  for (const { level, index, hash } of next.completed) nodes.set(`${level}/${index}`, hash);
}
const appended = perSecond(LEAVES, started);

// A tree of n leaves takes n − 1 nodes: so many hashes of 65 bytes are the least that it can cost.
started = performance.now();
const pair = Buffer.alloc(65, 1);
for (let i = 1; i < LEAVES; i++) createHash('sha256').update(pair).digest();
const raw = perSecond(LEAVES, started);

const placeAt = (i: number) => (i * 7_919) % LEAVES;
const root = rootOf(head);
started = performance.now();
const proofs: Hash[][] = [];
for (let i = 0; i < PROOFS; i++) proofs.push(await proveInclusion(placeAt(i), LEAVES, read));
const proved = perSecond(PROOFS, started);

started = performance.now();
for (const [i, proof] of proofs.entries()) {
  const index = placeAt(i);
  if (!verifyInclusion({ index, size: LEAVES, leaf: leaves[index] as Hash, root }, proof))
    throw new Error('a proof that does not hold');
}
const verified = perSecond(PROOFS, started);

started = performance.now();
for (let i = 0; i < PROOFS; i++) await proveConsistency(placeAt(i) + 1, LEAVES, read);
const consistent = perSecond(PROOFS, started);

const rows = { appended, raw, proved, verified, consistent };
process.stdout.write(`${JSON.stringify({ leaves: LEAVES, perSecond: rows, ofRaw: appended / raw })}\n`);
