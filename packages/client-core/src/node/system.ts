import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '../ports.ts';

/** Time of the system, or of `now` where a test brings its own. Timers never keep the process alive. */
export function systemClock(now: () => number = Date.now): Clock {
  return {
    now,
    after(delayMs, fire) {
      const timer = setTimeout(fire, Math.min(delayMs, 0x7fffffff));
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** Randomness of the system. */
export const systemRandom: Random = (count) => Uint8Array.from(randomBytes(count));
