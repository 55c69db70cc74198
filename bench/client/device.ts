/**
 * A device in a process of its own: opens a profile, stays connected, and tells on each line of standard output how far the history
 * has come that it has asked for. Ends when its standard input does.
 *
 *     node bench/client/device.ts PROFILE SECRETFILE
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openProfile } from '@kuvert/client-core/node';

const POLL_MS = 20;

/** One line of its output. */
export interface DeviceProgress {
  readonly messages: number;
  readonly total: number;
  readonly isComplete: boolean;
}

const [profileDir = '', secretFile = ''] = process.argv.slice(2);
const secret = Buffer.from(readFileSync(secretFile, 'utf8').trimEnd());
const profile = await openProfile({ profileDir, secret });
const stop = new AbortController();
process.stdin.on('end', () => stop.abort()).resume();
// The source of a history has nobody to read what arrives meanwhile.
const following = profile.follow(() => undefined, stop.signal);
let told = '';
while (!stop.signal.aborted) {
  const progress = profile.historyTransfer.progress();
  if (progress !== undefined) {
    const { messages, total, isComplete } = progress;
    const line = JSON.stringify({ messages, total, isComplete } satisfies DeviceProgress);
    if (line !== told) process.stdout.write(`${line}\n`);
    told = line;
  }
  await pause(POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
}
await following;
await profile.close();
