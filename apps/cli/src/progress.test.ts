/** What longer work tells of itself: once a second, in one line that counts, in objects with `--json` (A1, docs/cli.md). */
import { PassThrough } from 'node:stream';
import type { Progress } from '@kuvert/client-core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Output } from './output.ts';
import { paced, progressText, tellingProgress } from './progress.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const keys = (done: number): Progress => ({
  work: 'handing-out-keys',
  groupId: 'gr_x' as never,
  done,
  total: 1_000,
});
const file = (done: number): Progress => ({
  work: 'uploading',
  attachment: 'at_x' as never,
  done,
  total: 4_000_000,
});

function outputOf({ json = false, isTTY = false }: { json?: boolean; isTTY?: boolean }) {
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const stdout = new PassThrough();
  const streams = { stdin: new PassThrough(), stdout, stderr };
  const output = new Output(streams, { json, language: 'en', colour: false });
  const said = () => {
    const parts: string[] = [];
    for (let part = stderr.read(); part !== null; part = stderr.read()) parts.push(String(part));
    return parts.join('');
  };
  return { output, said };
}

test('A1 work that is quick is not mentioned; what takes longer is told once a second, and its end', () => {
  const told: number[] = [];
  const tell = paced(1_000, ({ done }) => told.push(done));
  for (const done of [1, 500, 1_000]) tell(keys(done));
  expect(told).toEqual([]);
  for (let done = 1; done <= 1_000; done++) {
    tell(keys(done));
    vi.advanceTimersByTime(10);
  }
  expect(told).toEqual([101, 201, 301, 401, 501, 601, 701, 801, 901, 1_000]);
});

test('A1 what several pieces of work tell does not hold each other up', () => {
  const told: string[] = [];
  const tell = paced(1_000, ({ work }) => told.push(work));
  for (let step = 1; step < 30; step++) {
    tell(keys(step));
    tell(file(step));
    vi.advanceTimersByTime(100);
  }
  expect(told).toEqual(['handing-out-keys', 'uploading', 'handing-out-keys', 'uploading']);
});

test('A1 with --json steps are objects on stderr, of files and of people alike', async () => {
  const { output, said } = outputOf({ json: true });
  const tell = tellingProgress(output);
  tell(keys(1));
  tell(file(1));
  vi.advanceTimersByTime(1_000);
  tell(keys(412));
  tell(file(1_000_000));
  const lines = said().trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { progress: { work: 'handing-out-keys', done: 412, total: 1_000, unit: 'people', group: 'gr_x' } },
    { progress: { work: 'uploading', done: 1_000_000, total: 4_000_000, unit: 'bytes', attachment: 'at_x' } },
  ]);
});

test('A1 on a terminal one line counts and is gone before anything else is written; elsewhere each step has its line', async () => {
  const terminal = outputOf({ isTTY: true });
  await terminal.output.counting({}, 'a');
  await terminal.output.counting({}, 'b');
  await terminal.output.notice('x', 'said');
  await terminal.output.counting({}, 'c');
  terminal.output.counted();
  terminal.output.counted();
  expect(terminal.said()).toBe('a\r\x1b[Kb\r\x1b[Kkuvert: said\nc\r\x1b[K');
  const pipe = outputOf({});
  await pipe.output.counting({}, 'a');
  await pipe.output.counting({}, 'b');
  pipe.output.counted();
  expect(pipe.said()).toBe('a\nb\n');
});

test('A1 how far it is, in both languages', () => {
  expect(progressText(keys(412), 'en')).toBe('Handing out keys: 41 % (412 / 1,000)');
  expect(progressText(file(1_000_000), 'de')).toBe('Die Datei wird gesendet: 25 % (1 MB / 4 MB)');
});
