/**
 * What is in the memory of a server (keys, the directory) or of a client (plain text) must not get into files by itself. Node can neither
 * set a resource limit nor mark its process as not dumpable, so three things are done that it can do:
 *
 * - The process writes 0 to its own `coredump_filter` (Linux, core(5)): whatever core file is still made, also one that is piped to a crash
 *   reporter, which no limit stops, holds none of its memory.
 * - It has `prlimit` of the system take the limit for core files down to 0, if it is not 0 already.
 * - It catches SIGUSR1, at which Node would otherwise open its debugger on a port. That leaves the time until this module has run; the
 *   flag `--disable-sigusr1` closes it, and whoever starts one of our processes passes it.
 *
 * Somebody who may trace the process (the same user with a debugger, root) can still read its memory; nothing keeps that from them.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** How far it went. */
export interface ClosedProcess {
  /** `off`: no memory gets into a core file. `unknown`: there is no telling on this system. */
  readonly coreDumps: 'off' | 'on' | 'unknown';
}

/** How long the system's program may take; a start must not hang on it. */
const PRLIMIT_MS = 2_000;

/** Closes this process. To be called before it reads a key. */
export function closeProcess(): ClosedProcess {
  process.on('SIGUSR1', () => undefined);
  if (process.platform !== 'linux') return { coreDumps: 'unknown' };
  const isFiltered = filterCoreDumps();
  if (coreBytesMax() !== '0') {
    spawnSync('prlimit', [`--pid=${process.pid}`, '--core=0:0'], { stdio: 'ignore', timeout: PRLIMIT_MS });
  }
  return { coreDumps: isFiltered || coreBytesMax() === '0' ? 'off' : 'on' };
}

/** @returns true when no part of the memory will be in a core file */
function filterCoreDumps(): boolean {
  try {
    writeFileSync('/proc/self/coredump_filter', '0x0');
    return /^0+\s*$/.test(readFileSync('/proc/self/coredump_filter', 'utf8'));
  } catch {
    return false;
  }
}

/** The soft limit for core files as the system tells it. */
function coreBytesMax(): string | undefined {
  try {
    return /^Max core file size\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
