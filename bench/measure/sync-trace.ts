/**
 * Counts what a server syncs to disk, with strace. It is started through strace and not joined later: only then can the kernel filter
 * the calls (`--seccomp-bpf`), so that all others run at their usual speed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The command in front of the server's, which writes one line a sync into `file`; undefined without strace. */
export function syncTraceCommand(file: string): string[] | undefined {
  if (spawnSync('strace', ['-V']).status !== 0) return undefined;
  const calls = 'trace=fsync,fdatasync,sync_file_range,msync';
  return ['strace', '-f', '--seccomp-bpf', '-qq', '-ttt', '-e', calls, '-o', file];
}

/** How many syncs began between two moments, Unix milliseconds. */
export function countSyncs(file: string, window: { readonly fromMs: number; readonly toMs: number }): number {
  let count = 0;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const seconds = /^\d+\s+(\d+\.\d+)\s+(?!<\.\.\.)\w+\(/.exec(line)?.[1];
    if (seconds === undefined) continue;
    const atMs = Number(seconds) * 1000;
    if (atMs >= window.fromMs && atMs <= window.toMs) count++;
  }
  return count;
}
