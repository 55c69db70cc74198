/**
 * `npm run files`: a file of 2 GB through real processes, with the memory of server and clients watched (A1, point 4 of the promise on
 * files: memory stays flat). The short form, 64 MB, is in tests/journeys/sending-files-and-more.test.ts.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Site } from '@kuvert/testkit';

const SIZE_BYTES = 2 ** 31;
const PIECE_BYTES = 2 ** 24;
const SAMPLE_MS = 100;
/** What a process may take beyond what Node and the program take at rest. */
const RSS_MAX_BYTES = 400 * 2 ** 20;

/** The largest memory that a process has had so far, in bytes; 0 once it has ended. */
function peakOf(pid: number): number {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib ?? 0) * 1_024;
  } catch {
    return 0;
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(path)) hash.update(bytes as Uint8Array);
  return hash.digest('hex');
}

await using site = new Site();
const server = await site.startServer();
const acme = await server.tenant('Acme');
const [anna, ben] = [await acme.person('Anna'), await acme.person('Ben')];
const path = site.at('large.bin');
const file = await open(path, 'wx');
const piece = randomBytes(PIECE_BYTES);
for (let at = 0; at < SIZE_BYTES; at += PIECE_BYTES) {
  piece.writeDoubleBE(at);
  await file.write(piece);
}
await file.close();

/** Runs a command and gives how long it took and what it held in memory at most. */
async function watched(what: string, args: string[]): Promise<number> {
  const startedAt = performance.now();
  const child = site.startKuvert(args);
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid));
  }, SAMPLE_MS);
  const { code } = await child.ended;
  clearInterval(timer);
  const seconds = (performance.now() - startedAt) / 1_000;
  const rate = Math.round(SIZE_BYTES / seconds / 1e6);
  console.log(`${what}: ${seconds.toFixed(1)} s, ${rate} MB/s, ${Math.round(peak / 2 ** 20)} MiB at most`);
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${child.stderr}`);
  return peak;
}

const sending = await watched('send', ['send', ...anna.asPerson, '--to', ben.mail, '--file', path]);
const expected = await hashOf(path);
await rm(path);
const folder = site.at('saved');
const saving = await watched('inbox --save-files', ['inbox', ...ben.asPerson, '--save-files', folder]);
const serving = peakOf(server.pid);
console.log(`server: ${Math.round(serving / 2 ** 20)} MiB at most`);
if ((await hashOf(join(folder, 'large.bin'))) !== expected) throw new Error('another file arrived');
for (const [what, peak] of Object.entries({ sending, saving, serving })) {
  if (peak > RSS_MAX_BYTES) throw new Error(`${what} took ${Math.round(peak / 2 ** 20)} MiB`);
}
console.log('the same bytes, memory flat');
