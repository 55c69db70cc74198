/** A search that cannot find what is there proves nothing, so each place is tried with a canary planted in it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findIn, makeCanary, needlesFor } from './canary.ts';
import { scanFolders } from './files.ts';
import { scanMemory } from './memory.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kuvert-canary-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('P8 each form of a canary is found in text', () => {
  const canary = makeCanary('text');
  const carriers: [string, Buffer][] = [
    ['utf-8', Buffer.from(`{"name":"${canary}"}`)],
    ['utf-16', Buffer.from(`name ${canary}`, 'utf16le')],
    ['hex', Buffer.from(Buffer.from(`x${canary}y`).toString('hex'))],
    ['hex in capitals', Buffer.from(Buffer.from(`x${canary}y`).toString('hex').toUpperCase())],
    ['base64 at 0', Buffer.from(Buffer.from(`${canary} and more`).toString('base64'))],
    ['base64 at 1', Buffer.from(Buffer.from(`x${canary}`).toString('base64'))],
    ['base64 at 2', Buffer.from(Buffer.from(`xy${canary} and more`).toString('base64'))],
    ['base64 at 0', Buffer.from(Buffer.from(`xyz${canary}`).toString('base64url'))],
  ];
  test.each(carriers)('%s', (form, bytes) => {
    const forms = findIn(bytes, needlesFor(canary), { where: 'here', offset: 0 }).map((hit) => hit.form);
    expect(forms).toContain(form);
    const others = needlesFor(makeCanary('text'));
    expect(findIn(bytes, others, { where: 'here', offset: 0 })).toEqual([]);
  });

  test('however many canaries are looked for', () => {
    const many = Array.from({ length: 50 }, (_, i) => makeCanary(`n${i}`));
    const needles = many.flatMap(needlesFor);
    for (const [form, bytes] of [
      ['utf-8', Buffer.from(`before ${many[49]} after`)],
      ['utf-16', Buffer.from(`before ${many[49]}`, 'utf16le')],
      ['base64 at 2', Buffer.from(Buffer.from(`xy${many[49]}`).toString('base64'))],
    ] as const) {
      const hits = findIn(bytes, needles, { where: 'here', offset: 0 });
      expect(hits.map((hit) => [hit.canary, hit.form])).toEqual([[many[49], form]]);
    }
    expect(findIn(Buffer.from(makeCanary('other')), needles, { where: 'here', offset: 0 })).toEqual([]);
  });

  test('Base64 with characters that its URL form writes differently', () => {
    const tricky = 'ûÿ>?>?ÿûïþ?>?canary';
    const bytes = Buffer.from(Buffer.from(`x${tricky}`).toString('base64url'));
    const forms = findIn(bytes, needlesFor(tricky), { where: 'here', offset: 0 }).map((hit) => hit.form);
    expect(forms).toContain('base64url at 1');
  });
});

test('P8 a canary is found in a file, in the name of a file and on the border of two chunks', () => {
  const [inFile, inName, onBorder] = [makeCanary('file'), makeCanary('name'), makeCanary('border')];
  const needles = [inFile, inName, onBorder].flatMap(needlesFor);
  mkdirSync(join(folder, 'deep', inName), { recursive: true });
  writeFileSync(join(folder, 'deep', 'a.sqlite-wal'), `before ${inFile} after`);
  const border = Buffer.alloc(5 * 1024 * 1024, 'x');
  border.write(onBorder, 4 * 1024 * 1024 - 10);
  writeFileSync(join(folder, 'deep', inName, 'large'), border);

  const { hits, files, bytesRead } = scanFolders([folder], needles);
  expect(files).toBe(2);
  expect(bytesRead).toBeGreaterThan(5 * 1024 * 1024);
  const found = (canary: string) => hits.find((hit) => hit.canary === canary);
  expect(found(inFile)?.where).toBe(join(folder, 'deep', 'a.sqlite-wal'));
  expect(found(inName)?.where).toContain('the name of');
  expect(found(onBorder)?.offset).toBe(4 * 1024 * 1024 - 10);
});

/** Keeps a text in its memory in one form only, from two halves: neither source nor argument holds it whole. */
const KEEPERS: [string, string, string][] = [
  ['a Buffer', 'utf-8', 'Buffer.concat([Buffer.from(a), Buffer.from(b)])'],
  ['a string', 'utf-8', 'Buffer.concat([Buffer.from(a), Buffer.from(b)]).toString("latin1")'],
  [
    'a two-byte string',
    'utf-16',
    'Buffer.concat([Buffer.from("☃" + a, "utf16le"), Buffer.from(b, "utf16le")]).toString("utf16le")',
  ],
  ['hexadecimal text', 'hex', 'Buffer.concat([Buffer.from(a), Buffer.from(b)]).toString("hex")'],
  ['Base64 text', 'base64 at 1', 'Buffer.concat([Buffer.from("x" + a), Buffer.from(b)]).toString("base64")'],
];

describe('P8 a canary is found in the memory of another process', () => {
  const processes: ChildProcess[] = [];
  afterAll(() => {
    for (const child of processes) child.kill('SIGKILL');
  });

  test.skipIf(process.platform !== 'linux').each(KEEPERS)('as %s', async (_, form, keep) => {
    const canary = makeCanary('memory');
    const [a, b] = [canary.slice(0, 15), canary.slice(15)].map((half) => JSON.stringify(half));
    const program = `const a = ${a}, b = ${b}; globalThis.kept = ${keep}; console.log('kept'); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    processes.push(child);
    await once(child.stdout, 'data');

    const scan = scanMemory(child.pid ?? 0, needlesFor(canary));
    expect(scan.hits.map((hit) => hit.form)).toContain(form);
    expect(scan.bytesRead).toBeGreaterThan(20 * 1024 * 1024);
    expect(scan.bytesRefused).toBeLessThan(1024 * 1024);
    const another = scanMemory(child.pid ?? 0, needlesFor(makeCanary('memory')));
    expect(another.hits).toEqual([]);
  });
});
