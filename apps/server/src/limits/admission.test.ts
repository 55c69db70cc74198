import type { KuvertError } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { ADMISSION, Admission } from './admission.ts';

/** A store that commits `perWindow` submits in a window, in order, and whoever sends as much as is let in. */
function setUp() {
  const clock = { ms: 0, monotonicMs: () => clock.ms };
  const loop = { delayMs: 0 };
  const admission = new Admission({ clock, loopDelay: { read: () => loop.delayMs, stop: () => undefined } });
  const open: (() => void)[] = [];
  const offer = (count: number): number => {
    let refused = 0;
    for (let i = 0; i < count; i++) {
      try {
        open.push(admission.enter(600));
      } catch (error) {
        const { code, retry } = error as KuvertError;
        expect(code).toBe('overloaded');
        expect(
          retry.kind === 'after' && retry.ms >= ADMISSION.retryMs && retry.ms < 2 * ADMISSION.retryMs,
        ).toBe(true);
        refused++;
      }
    }
    return refused;
  };
  const serve = (count: number): void => {
    for (const end of open.splice(0, count)) end();
  };
  /** A window in ten steps: offered evenly, served evenly. */
  const window = (offered: number, served: number): number => {
    let refused = 0;
    for (let i = 0; i < 10; i++) {
      refused += offer(offered / 10);
      clock.ms += ADMISSION.windowMs / 10;
      serve(served / 10);
    }
    admission.turn();
    return refused;
  };
  return { clock, loop, admission, offer, serve, window, open };
}

test('P7 what the store can do is let in, and connections with it', () => {
  const { admission, window } = setUp();
  for (let i = 0; i < 40; i++) {
    expect(window(4_000, 4_000)).toBe(0);
    expect(admission.isBusy).toBe(false);
  }
});

test('P7 of twice what the store can do, half is refused, and what is accepted takes no longer than about the target', () => {
  const { admission, window, open } = setUp();
  let refused = 0;
  for (let i = 0; i < 80; i++) {
    const now = window(4_000, 2_000);
    if (i >= 40) refused += now;
    // What is under way ahead of the next one, at 2,000 in 250 ms.
    if (i >= 40) expect((open.length / 2_000) * ADMISSION.windowMs).toBeLessThan(ADMISSION.targetMs * 1.5);
  }
  expect(admission.isBusy).toBe(true);
  expect(refused / 40).toBeGreaterThan(1_700);
  expect(refused / 40).toBeLessThan(2_300);
  // And it recovers: the room comes back with the first windows that need it.
  for (let i = 0; i < 60; i++) window(1_900, 2_000);
  expect(admission.isBusy).toBe(false);
  expect(window(2_000, 2_000)).toBe(0);
});

test('P7 a store that stands still is noticed without any answer of it', () => {
  const { admission, clock, offer } = setUp();
  expect(offer(1_000)).toBe(0);
  clock.ms += 10 * ADMISSION.windowMs;
  admission.turn();
  expect(admission.isBusy).toBe(true);
  expect(admission.openMax).toBe(750);
  expect(offer(1)).toBe(1);
});

test('P7 however slow it is, a few submits are let in', () => {
  const { admission, window } = setUp();
  for (let i = 0; i < 40; i++) window(500, 10);
  expect(admission.openMax).toBe(ADMISSION.openMin);
});

test('P7 a late event loop alone refuses connections, when it stays late', () => {
  const { admission, loop } = setUp();
  loop.delayMs = ADMISSION.loopDelayMs;
  admission.turn();
  expect(admission.isBusy).toBe(false);
  admission.turn();
  expect(admission.isBusy).toBe(true);
  loop.delayMs = 0;
  admission.turn();
  expect(admission.isBusy).toBe(false);
});

test('P7 large submits fill the room by their bytes', () => {
  const { admission } = setUp();
  const size = ADMISSION.openBytesMax / 4;
  const ends = [1, 2, 3, 4].map(() => admission.enter(size));
  expect(() => admission.enter(1)).toThrow('overloaded');
  ends[0]?.();
  expect(() => admission.enter(1)).not.toThrow();
});
