/** Proofs that no one here made: transparency-dev/merkle, valid and adversarial (`KUVERT_CORPORA` or beside the repository; else skipped). */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyConsistency, verifyInclusion } from './proofs.ts';

const corpora = process.env.KUVERT_CORPORA ?? join(import.meta.dirname, '../../../../../shared/corpora');
const folder = join(corpora, 'merkle');

/** Base64 as Go writes byte strings; null is an empty one. */
const bytes = (text: string | null) => Uint8Array.from(Buffer.from(text ?? '', 'base64'));

function casesOf<Case>(kind: string): (Case & { file: string; desc: string; wantErr: boolean })[] {
  const files = globSync('**/*.json', { cwd: join(folder, kind) }).sort();
  return files.map((file) => ({ file, ...JSON.parse(readFileSync(join(folder, kind, file), 'utf8')) }));
}

test.skipIf(!existsSync(folder))('C7 every inclusion proof of the corpus is judged as it should be', () => {
  const cases = casesOf<{
    leafIdx: number;
    treeSize: number;
    root: string;
    leafHash: string;
    proof: string[] | null;
  }>('inclusion');
  expect(cases.length).toBeGreaterThanOrEqual(98);
  for (const { file, leafIdx, treeSize, root, leafHash, proof, wantErr } of cases) {
    const claim = { index: leafIdx, size: treeSize, leaf: bytes(leafHash), root: bytes(root) };
    expect(verifyInclusion(claim, (proof ?? []).map(bytes)), file).toBe(!wantErr);
  }
});

test.skipIf(!existsSync(folder))('C7 every consistency proof of the corpus is judged as it should be', () => {
  const cases = casesOf<{
    size1: number;
    size2: number;
    root1: string;
    root2: string;
    proof: string[] | null;
  }>('consistency');
  expect(cases.length).toBeGreaterThanOrEqual(98);
  for (const { file, size1, size2, root1, root2, proof, wantErr } of cases) {
    const claim = { size1, size2, root1: bytes(root1), root2: bytes(root2) };
    expect(verifyConsistency(claim, (proof ?? []).map(bytes)), file).toBe(!wantErr);
  }
});
