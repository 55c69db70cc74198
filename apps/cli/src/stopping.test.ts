import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import type { CommandContext } from './command-context.ts';
import { EXIT } from './exit-codes.ts';
import { Output } from './output.ts';
import { type Stopping, stoppable } from './stopping.ts';

/** Runs work that is stopped as soon as it waits. */
async function stopped(work: (stop: Stopping, never: Promise<never>) => Promise<void>) {
  const signal = new AbortController();
  const said: string[] = [];
  const stderr = new Writable({ write: (chunk, _, done) => done(void said.push(String(chunk))) });
  const streams = { stdin: (async function* () {})(), stdout: new Writable(), stderr };
  const output = new Output(streams, { json: false, language: 'en', colour: false });
  const ended = Promise.withResolvers<void>();
  let isEnded = false;
  const context: Pick<CommandContext, 'output' | 'exitCode' | 'stopSignal' | 'endBySignal'> = {
    output,
    exitCode: EXIT.ok,
    stopSignal: () => signal.signal,
    endBySignal: () => {
      isEnded = true;
      ended.resolve();
    },
  };
  const never = new Promise<never>(() => setImmediate(() => signal.abort()));
  const run = stoppable(context as CommandContext, (stop) => work(stop, never));
  await Promise.race([run, ended.promise]);
  return { said: said.join(''), code: context.exitCode, isEnded };
}

test('A1 Ctrl-C before a message was written down says that nothing was sent', async () => {
  let isBeyond = false;
  const { said, isEnded } = await stopped(async (stop, never) => {
    await stop.orStop(never);
    isBeyond = true;
  });
  expect(said).toBe('kuvert: Stopped; nothing was sent, and nothing of it waits here.\n');
  expect({ isEnded, isBeyond }).toEqual({ isEnded: true, isBeyond: false });
});

test('A1 Ctrl-C while a message is brought out ends the waiting only, so that what became of it can be told', async () => {
  let isStopped = false;
  const { said, code } = await stopped(async (stop, never) => {
    await stop.untilStop(never);
    isStopped = stop.isStopped;
  });
  expect({ said, code, isStopped }).toEqual({ said: '', code: EXIT.stopped, isStopped: true });
});
