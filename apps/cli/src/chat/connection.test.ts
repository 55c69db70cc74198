import { KuvertError } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KeptConnection } from './connection.ts';
import type { Connection } from './model.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A profile whose attempts to connect end as is told. */
function stage() {
  const told: Connection[] = [];
  let attempts = 0;
  let answer: () => Promise<void> = () => Promise.reject(new KuvertError('server_unreachable'));
  let lost: (reason: KuvertError) => void = () => undefined;
  let isConnected = false;
  const profile = {
    get isConnected() {
      return isConnected;
    },
    connect: () => {
      attempts += 1;
      return answer().then(() => {
        isConnected = true;
      });
    },
    onClosed: (listener: (reason: KuvertError) => void) => {
      lost = (reason) => {
        isConnected = false;
        listener(reason);
      };
      return () => undefined;
    },
  };
  const kept = new KeptConnection({
    profile,
    language: 'en',
    onChange: (connection) => told.push(connection),
    random: () => 0.5,
  });
  return {
    kept,
    told,
    kinds: () => told.map(({ kind }) => kind),
    attempts: () => attempts,
    answers: (next: () => Promise<void>) => {
      answer = next;
    },
    lose: (code: 'server_unreachable' | 'device_not_accepted') => lost(new KuvertError(code)),
  };
}

test('A8 the pauses between attempts grow up to half a minute, and being offline is told with its beginning', async () => {
  const { kept, told, attempts } = stage();
  kept.connectNow();
  await vi.advanceTimersByTimeAsync(0);
  const since = told.at(-1);
  expect(since).toMatchObject({ kind: 'offline' });
  await vi.advanceTimersByTimeAsync(31_000);
  // After 1, 1, 2, 4, 8 and 16 seconds.
  expect(attempts()).toBe(6);
  expect(told.at(-1)).toMatchObject({ sinceMs: since?.kind === 'offline' ? since.sinceMs : 0 });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(attempts()).toBeLessThan(30);
  kept.end();
});

test('A8 a connection that is lost is made again, with short pauses once more', async () => {
  const { kept, kinds, answers, lose, attempts } = stage();
  answers(() => Promise.resolve());
  kept.connectNow();
  await vi.advanceTimersByTimeAsync(0);
  expect(kinds()).toEqual(['connecting', 'online']);
  lose('server_unreachable');
  expect(kinds().at(-1)).toBe('offline');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kinds().at(-1)).toBe('online');
  expect(attempts()).toBe(2);
  kept.end();
});

test('A8 what no attempt can cure is told and not tried again by itself', async () => {
  const { kept, told, answers, lose, attempts } = stage();
  answers(() => Promise.resolve());
  kept.connectNow();
  await vi.advanceTimersByTimeAsync(0);
  lose('device_not_accepted');
  expect(told.at(-1)).toMatchObject({ kind: 'refused', sentence: expect.stringMatching(/./) });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(attempts()).toBe(1);
  kept.connectNow();
  await vi.advanceTimersByTimeAsync(0);
  expect(attempts()).toBe(2);
  kept.end();
});
