import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Clock, Random } from '../ports.ts';

/** Time of the system, or of `now` where a test brings its own. Timers never keep the process alive. */
export function systemClock(now: () => number = Date.now): Clock {
  return {
    now,
    // Whoever brings a clock of its own has no machine to it.
    ...(now === Date.now && { uptime: () => ({ bootId: bootId(), ms: Math.floor(uptime() * 1_000) }) }),
    after(delayMs, fire) {
      const timer = setTimeout(fire, Math.min(delayMs, 0x7fffffff));
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

let knownBootId: string | undefined;

/** The kernel's id of this run of the machine; where there is none, one of this process. */
function bootId(): string {
  if (knownBootId === undefined) {
    try {
      knownBootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    } catch {
      knownBootId = randomUUID();
    }
  }
  return knownBootId;
}

/** Randomness of the system. */
export const systemRandom: Random = (count) => Uint8Array.from(randomBytes(count));
