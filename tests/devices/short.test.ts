/**
 * The short form of `npm run devices`, in every `npm test`: some schedules of people with several devices, always the same ones, so that what
 * is still open does not stop everybody; `npm run devices` takes a new seed each time. What it has shown is in docs/testing-campaigns.md.
 */

import { fileURLToPath } from 'node:url';
import { Children, resultOf, startInstallation } from '@kuvert/testkit';
import { runSchedule } from '@kuvert/testkit/devices';
import { expect, test } from 'vitest';
import { checkSchedules } from './check-schedules.ts';

const RUN = fileURLToPath(new URL('run.ts', import.meta.url));
const SEED = 2;
/** About two seconds each on a quiet machine. */
const SCHEDULES = 5;
const STEPS = 30;

test('A4 P1 P2 P3 devices stay in step whatever is sent, linked, revoked, put back, away and expired, and harm nobody', async () => {
  const { failure, ...result } = await checkSchedules({
    seed: SEED,
    schedules: SCHEDULES,
    steps: STEPS,
    shrinkForMs: 20_000,
  });
  console.info(JSON.stringify(result));
  expect(failure).toBeUndefined();
  expect(result.schedules).toBe(SCHEDULES);
  expect(result.messages).toBeGreaterThan(0);
});

test('A4 A3 what waited in a copy that is put back has come and was read long ago, and its ticks say so on every device', async () => {
  await using installation = await startInstallation();
  const ledger = await runSchedule(installation, [
    { do: 'link', device: 0, isSigner: false },
    { do: 'go-away', device: 0 },
    { do: 'send', device: 0, to: 0, count: 2 },
    { do: 'copy', device: 0 },
    { do: 'come-back', device: 0 },
    { do: 'settle' },
    { do: 'read', device: 1, which: 0, how: 'alone' },
    { do: 'restore', device: 0 },
  ]);
  expect(ledger.verdict()).toEqual({});
  const first = ledger.events.find((event) => event.kind === 'enrolled');
  const screens = ledger.events.filter(
    (event) => event.kind === 'standing' && event.device === first?.device,
  );
  expect(screens.at(-1)).toMatchObject({
    conversations: [{ entries: [{ state: 'read' }, { state: 'delivered' }] }],
  });
});

test('B1 P1 what both ends have lost with copies, of one device each, is told to both as what may be missing since the copy', async () => {
  await using installation = await startInstallation();
  const ledger = await runSchedule(installation, [
    { do: 'copy', device: 0 },
    { do: 'copy', device: 1 },
    { do: 'send', device: 0, to: 0, count: 1 },
    { do: 'flush', device: 1 },
    { do: 'send', device: 1, to: 0, count: 1 },
    { do: 'flush', device: 0 },
    { do: 'go-away', device: 0 },
    { do: 'send', device: 1, to: 0, count: 2 },
    { do: 'go-away', device: 1 },
    { do: 'restore', device: 0 },
    { do: 'come-back', device: 0 },
    { do: 'restore', device: 1 },
    { do: 'restore', device: 0 },
    { do: 'settle' },
  ]);
  const told = ledger.events.flatMap((event) =>
    event.kind === 'told' && event.notice === 'profile_restored' ? [event.device] : [],
  );
  expect(new Set(told).size).toBe(2);
  expect(ledger.verdict()).toEqual({});
});

test('H9 a run of schedules says in a sentence what it cannot do', async () => {
  await using children = new Children();
  const answers: string[] = [];
  for (const args of [
    ['--schedules', 'many'],
    ['--steps', '-1'],
    ['--step', '3'],
  ]) {
    const { code, stderr } = await resultOf(children.start(process.execPath, [RUN, ...args]));
    expect(code).toBe(2);
    answers.push(stderr.trim());
  }
  expect(answers).toEqual([
    '--schedules takes a whole number.',
    expect.stringContaining('--steps'),
    expect.stringContaining('--step'),
  ]);
});
