/**
 * The short form of `npm run faults`, in every `npm test`: some of each fault, from a seed that is new each time. The long form and
 * what it has shown are in docs/testing-campaigns.md.
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Children, resultOf, TemporaryFolder, takeChances } from '@kuvert/testkit';
import {
  type CampaignResult,
  canMakeImageDisks,
  Injection,
  runCampaign,
  runGroupCampaign,
} from '@kuvert/testkit/faults';
import { afterAll, beforeAll, expect, test } from 'vitest';

const RUN = fileURLToPath(new URL('run.ts', import.meta.url));
const NONE = {
  kills: 0,
  powerCuts: 0,
  partitions: 0,
  failingFsyncs: 0,
  slowFsyncs: 0,
  fullDisks: 0,
  clockJumps: 0,
};

let folder: TemporaryFolder;
let canCutPower = false;
let canInject = false;
beforeAll(async () => {
  folder = new TemporaryFolder();
  mkdirSync(folder.at('trial'));
  canCutPower = await canMakeImageDisks(folder.at('trial'));
  await using children = new Children();
  const idle = children.start('sleep', ['60']);
  const injection = await Injection.begin(idle.pid, 'error=EIO');
  canInject = injection !== undefined;
  await injection?.[Symbol.asyncDispose]();
});
afterAll(() => folder[Symbol.dispose]());

/** A failure names what was found, and where its ledger is kept. */
function expectNothingWrong({ ok, seed, findings, wrongs, notices, keptIn }: CampaignResult): void {
  const nothing = { findings: {}, wrongs: [], notices: {}, keptIn: undefined };
  expect({ ok, seed, findings, wrongs, notices, keptIn }).toEqual({ ok: true, seed, ...nothing });
}

test('P1 P2 P3 P4 B1 what was accepted arrives once, in order, with whom it is for, whatever is killed, cut or filled', {
  timeout: 900_000,
}, async () => {
  const result = await runCampaign({
    seed: takeChances().seed,
    counts: {
      kills: 6,
      powerCuts: 2,
      partitions: 4,
      failingFsyncs: 1,
      slowFsyncs: 1,
      fullDisks: 1,
      clockJumps: 1,
    },
  });
  console.info(JSON.stringify(result));
  expectNothingWrong(result);
  expect(result.acknowledged).toBeGreaterThan(0);
  expect(result.faults['power-cut'] ?? 0).toBe(canCutPower ? 2 : 0);
  expect(result.faults['failing-fsync'] ?? 0).toBe(canInject ? 1 : 0);
});

test('P1 P2 P3 P4 H1 H2 nothing is lost, doubled, crossed or out of order with two servers on MongoDB, whatever is killed, cut before or after it is applied, or steps down', {
  timeout: 900_000,
}, async () => {
  const result = await runCampaign({
    seed: takeChances().seed,
    engine: 'mongodb',
    servers: 2,
    counts: { ...NONE, kills: 1, databaseKills: 2, cutsBefore: 2, cutsAfter: 2, stepDowns: 2, powerCuts: 1 },
  });
  console.info(JSON.stringify(result));
  expectNothingWrong(result);
  expect(result.acknowledged).toBeGreaterThan(0);
  expect(result.faults['kill-database']).toBe(2);
});

test('P1 P2 P3 P4 A1 what is written in a group is on the screen of each member once and in order, whatever is killed or cut', {
  timeout: 900_000,
}, async () => {
  const result = await runGroupCampaign({
    seed: takeChances().seed,
    members: 12,
    halls: 2,
    talkers: 2,
    messages: 4,
    kills: 5,
    partitions: 2,
    patienceMs: 300_000,
  });
  console.info(JSON.stringify(result));
  expectNothingWrong(result);
  expect(result.shown).toBeGreaterThanOrEqual(11);
  expect(result.faults).toMatchObject({ 'kill-server': 4, 'kill-client': 1 });
});

test('P1 a disk that says it has written and has not is found out by a power cut', {
  timeout: 900_000,
}, async ({ skip }) => {
  skip(!canCutPower || !canInject, 'needs root, loop devices and ptrace');
  const result = await runCampaign({
    seed: takeChances().seed,
    counts: { ...NONE, powerCuts: 2 },
    lyingDisk: true,
  });
  expect(result.ok).toBe(false);
  expect(result.lost).toBeGreaterThan(0);
});

test('H9 a campaign says in a sentence what it cannot do', async () => {
  await using children = new Children();
  const answers: string[] = [];
  for (const args of [
    ['--engine', 'paper'],
    ['--step-downs', '3'],
    ['--servers', '2'],
    ['--servers', '9'],
    ['--kills', 'many'],
    ['--seed', 'a b'],
    ['--halls', '3'],
    ['--group', '1001'],
    ['--group', '20', '--engine', 'mongodb'],
    ['--kill', '3'],
  ]) {
    const { code, stderr } = await resultOf(children.start(process.execPath, [RUN, ...args]));
    expect(code).toBe(2);
    answers.push(stderr.trim());
  }
  expect(answers).toEqual([
    'There are the engines sqlite and mongodb; paper is not one of them.',
    '--step-downs needs --engine mongodb.',
    '--servers needs --engine mongodb.',
    '--servers takes a number from 1 to 4.',
    '--kills takes a number.',
    'A seed is made of up to 40 letters and digits.',
    '--halls needs --group.',
    '--group takes a number up to 1,000.',
    '--group does not go with --engine.',
    expect.stringContaining('--kill'),
  ]);
});
