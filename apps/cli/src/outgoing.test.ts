import { Writable } from 'node:stream';
import type { SendResult } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { type ContentId, type ErrorCode, idFromBytes, KuvertError } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { readMessageLines } from './message-lines.ts';
import { Outgoing } from './outgoing.ts';
import { Output } from './output.ts';

/** What a scripted profile does with a message: where it stays, or the refusal. */
type Fate = 'accepted' | 'queued' | ErrorCode;

/** A profile whose server treats each text as that text says. */
function scripted(online: boolean): Pick<Profile, 'connect' | 'flush' | 'send' | 'sendAll' | 'status'> {
  const fates: Fate[] = [];
  const refused: readonly string[] = ['recipient_unknown'];
  const send = async ({ text }: { text: string }): Promise<SendResult> => {
    if (online && refused.includes(text)) throw new KuvertError(text as ErrorCode);
    fates.push(text as Fate);
    return { messageId: messageId(fates.length), state: 'queued' };
  };
  const reach = async (): Promise<void> => {
    if (!online) throw new KuvertError('server_unreachable');
  };
  return {
    connect: reach,
    flush: async () => {
      await reach();
      return { waiting: 0 };
    },
    send,
    sendAll: async (messages) => {
      const bad = messages.find(({ text }) => online && refused.includes(text));
      if (bad) throw new KuvertError(bad.text as ErrorCode);
      return Promise.all(messages.map(send));
    },
    status: (id) => {
      const fate = online ? fates[numberOf(id) - 1] : 'queued';
      if (fate === undefined) throw new KuvertError('message_unknown');
      if (fate === 'accepted' || fate === 'queued') return { state: fate };
      return { state: 'queued', problem: fate };
    },
  };
}

function messageId(number: number): ContentId {
  const bytes = new Uint8Array(17);
  bytes[0] = 6;
  bytes[16] = number;
  return idFromBytes('content', bytes);
}

function numberOf(id: ContentId): number {
  for (let number = 1; number < 256; number += 1) if (messageId(number) === id) return number;
  throw new Error('not an id of this test');
}

async function sendLines(fates: readonly string[], { online }: { online: boolean }) {
  const written = { stdout: '', stderr: '' };
  const into = (name: keyof typeof written) =>
    new Writable({
      write: (chunk, _, done) => {
        written[name] += chunk;
        done();
      },
    });
  async function* stdin(): AsyncGenerator<Uint8Array> {
    for (const text of fates)
      yield Buffer.from(text.startsWith('!') ? 'bad\n' : `${JSON.stringify({ text })}\n`);
  }
  const streams = { stdin: stdin(), stdout: into('stdout'), stderr: into('stderr') };
  const output = new Output(streams, { json: true, language: 'en', colour: false });
  const outgoing = new Outgoing(scripted(online) as Profile, output);
  await outgoing.sendAll(readMessageLines(stdin(), 'ben@acme.test'));
  const lines = (text: string) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  return { code: outgoing.exitCode, results: lines(written.stdout), notes: lines(written.stderr) };
}

test('A1 each line gets its result, in the order of the input', async () => {
  expect(await sendLines(['accepted', 'accepted', 'accepted'], { online: true })).toEqual({
    code: 0,
    results: [1, 2, 3].map((number) => ({ messageId: messageId(number), state: 'accepted' })),
    notes: [],
  });
});

test('A1 offline every line is queued, told once, and that is no failure', async () => {
  const { code, results, notes } = await sendLines(['accepted', 'accepted'], { online: false });
  expect(code).toBe(0);
  expect(results.map(({ state }) => state)).toEqual(['queued', 'queued']);
  expect(notes).toEqual([
    { notice: { code: 'server_unreachable', message: expect.stringContaining('2 messages') } },
  ]);
});

test('A1 a bad line and a refused one are told with their numbers, the others are sent', async () => {
  const { code, results, notes } = await sendLines(['accepted', '!', 'recipient_unknown', 'accepted'], {
    online: true,
  });
  expect(code).toBe(2);
  expect(results.map(({ state }) => state)).toEqual(['accepted', 'accepted']);
  expect(notes.map(({ error }) => [error.code, error.line])).toEqual([
    ['usage', 2],
    ['recipient_unknown', 3],
  ]);
});

test('A1 a message that waits for a device is told and is no failure', async () => {
  const { code, results, notes } = await sendLines(['no_device'], { online: true });
  expect({ code, state: results[0]?.state }).toEqual({ code: 0, state: 'queued' });
  expect(notes[0]?.notice.code).toBe('no_device');
});

test('B8 a message that waits until the server has room for its file is told with what happens to it, and is no failure', async () => {
  const { code, results, notes } = await sendLines(['attachment_quota'], { online: true });
  expect({ code, state: results[0]?.state }).toEqual({ code: 0, state: 'queued' });
  expect(notes[0]?.notice).toMatchObject({
    code: 'attachment_quota',
    message: expect.stringContaining('goes out'),
  });
});

test('B6 a message that waits because keys do not verify ends with the exit code of trust', async () => {
  const { code, results, notes } = await sendLines(['accepted', 'identity_changed'], { online: true });
  expect(code).toBe(6);
  expect(results.map(({ state }) => state)).toEqual(['accepted', 'queued']);
  expect(notes[0]?.error.code).toBe('identity_changed');
});
