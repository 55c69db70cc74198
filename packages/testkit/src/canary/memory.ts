/**
 * Looks for canaries in the memory of a process (Linux, same user or root): all readable mappings of `/proc/PID/maps`, read through
 * `/proc/PID/mem`. Pages of memory that were never touched hold nothing and are passed over (`/proc/PID/pagemap`). A heap snapshot would not do, because it does not show Buffers. The process stands still meanwhile, since its
 * garbage collector would give pages back under the search. What refuses to be read is counted, so that a search that saw nothing cannot pass
 * for one that found nothing.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { findIn, type Hit, type Needle, overlapFor } from './canary.ts';

const CHUNK_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;

/** What a search went through. */
export interface MemoryScan {
  readonly hits: Hit[];
  readonly bytesRead: number;
  readonly mappings: number;
  /** Bytes of readable mappings that refused to be read (device memory, vanished mappings). */
  readonly bytesRefused: number;
}

/** Bytes of one entry of `/proc/PID/pagemap`, of which the two highest bits say that the page is in memory or swapped out. */
const ENTRY_BYTES = 8;
const IS_THERE = 0xc0;

interface Mapping {
  readonly from: bigint;
  readonly to: bigint;
  readonly name: string;
}

/** Searches the memory of a process. @throws Error when there is no such process or it may not be read */
export function scanMemory(pid: number, needles: readonly Needle[]): MemoryScan {
  process.kill(pid, 'SIGSTOP');
  try {
    while (!standsStill(pid));
    return scanStanding(pid, needles);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

/** Whether all threads of a process are stopped. */
function standsStill(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) =>
    /^State:\s+[Tt]/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')),
  );
}

function scanStanding(pid: number, needles: readonly Needle[]): MemoryScan {
  const mappings = readableMappings(readFileSync(`/proc/${pid}/maps`, 'utf8'));
  const scan = { hits: [] as Hit[], bytesRead: 0, mappings: mappings.length, bytesRefused: 0 };
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    for (const mapping of mappings) scanMapping({ memory, pagemap }, mapping, needles, scan);
  } finally {
    closeSync(memory);
    closeSync(pagemap);
  }
  return scan;
}

/** Mappings that may be read, from the text of `/proc/PID/maps`. */
function readableMappings(maps: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of maps.split('\n')) {
    const parts = /^([0-9a-f]+)-([0-9a-f]+) (r...) \S+ \S+ \S+ *(.*)$/.exec(line);
    if (!parts) continue;
    const [, from = '', to = '', , name = ''] = parts;
    // The kernel's own page is above what a file position can say, and holds nothing of the process.
    if (name === '[vsyscall]') continue;
    mappings.push({ from: BigInt(`0x${from}`), to: BigInt(`0x${to}`), name: name || 'anonymous' });
  }
  return mappings;
}

/** Whether any page of a piece of anonymous memory was ever touched. What is mapped from a file is looked at in any case. */
function isThere(pagemap: number, { at, size, name }: { at: bigint; size: number; name: string }): boolean {
  if (name.startsWith('/')) return true;
  const entries = Buffer.alloc(Math.ceil(size / PAGE_BYTES) * ENTRY_BYTES);
  const read = readSync(pagemap, entries, 0, entries.length, (at / BigInt(PAGE_BYTES)) * BigInt(ENTRY_BYTES));
  if (read !== entries.length) return true;
  for (let i = ENTRY_BYTES - 1; i < entries.length; i += ENTRY_BYTES)
    if (((entries[i] ?? 0) & IS_THERE) !== 0) return true;
  return false;
}

function scanMapping(
  { memory, pagemap }: { readonly memory: number; readonly pagemap: number },
  { from, to, name }: Mapping,
  needles: readonly Needle[],
  scan: { hits: Hit[]; bytesRead: number; bytesRefused: number },
): void {
  const overlap = overlapFor(needles);
  const buffer = Buffer.alloc(CHUNK_BYTES + overlap);
  let kept = 0;
  let at = from;
  while (at < to) {
    const wanted = Math.min(CHUNK_BYTES, Number(to - at));
    if (!isThere(pagemap, { at, size: wanted, name })) {
      at += BigInt(wanted);
      kept = 0;
      continue;
    }
    const size = readOrRefuse(memory, buffer, { start: kept, size: wanted, at });
    if (size === 0) {
      const gap = Math.min(PAGE_BYTES, Number(to - at));
      scan.bytesRefused += gap;
      at += BigInt(gap);
      kept = 0;
      continue;
    }
    const filled = buffer.subarray(0, kept + size);
    scan.hits.push(...findIn(filled, needles, { where: name, offset: Number(at) - kept }));
    scan.bytesRead += size;
    at += BigInt(size);
    kept = Math.min(overlap, filled.length);
    buffer.copyWithin(0, filled.length - kept, filled.length);
  }
}

function readOrRefuse(
  memory: number,
  buffer: Buffer,
  { start, size, at }: { start: number; size: number; at: bigint },
): number {
  try {
    return readSync(memory, buffer, start, size, at);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EIO' || code === 'EFAULT') return 0;
    throw error;
  }
}
