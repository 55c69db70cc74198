import { Writable } from 'node:stream';
import type { IncomingMessage } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { type ContentId, KuvertError } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { OutputClosedError } from '../failure.ts';
import { Output } from '../output.ts';
import { printNew } from './inbox.ts';

function message(number: number, more: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    messageId: `ms_${number}` as ContentId,
    senderDevice: 'de_1' as IncomingMessage['senderDevice'],
    senderPerson: 'pe_1' as IncomingMessage['senderPerson'],
    from: 'anna@acme.test',
    fromName: 'Anna',
    sentAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    kind: 'text',
    text: `text ${number}`,
    ...more,
  };
}

/** A profile that holds messages, and a stdout that takes `roomFor` lines before its reader leaves. */
function stage(messages: IncomingMessage[], { online = true, roomFor = Number.POSITIVE_INFINITY } = {}) {
  const stored = [...messages];
  const reach = async () => {
    if (!online) throw new KuvertError('server_unreachable');
  };
  const profile: Pick<Profile, 'connect' | 'flush' | 'inbox' | 'markPrinted' | 'markRead' | 'notices'> = {
    connect: reach,
    flush: async () => {
      await reach();
      return { waiting: 0 };
    },
    inbox: ({ limit = 1_000 } = {}) => stored.slice(0, limit),
    markRead: () => undefined,
    notices: () => [],
    markPrinted: (printed) => {
      for (const { messageId } of printed) {
        stored.splice(
          stored.findIndex((entry) => entry.messageId === messageId),
          1,
        );
      }
    },
  };
  const lines: string[] = [];
  const stdout = new Writable({
    write: (chunk, _, done) => {
      if (lines.length >= roomFor) return done(Object.assign(new Error('gone'), { code: 'EPIPE' }));
      lines.push(String(chunk));
      done();
    },
  });
  stdout.on('error', () => undefined);
  const streams = { stdin: (async function* () {})(), stdout, stderr: new Writable() };
  const output = new Output(streams, { json: true, language: 'en', colour: false });
  return { profile: profile as Profile, output, lines, stored };
}

test('A1 a line of inbox has exactly the fields that scripts rely on', async () => {
  const { profile, output, lines } = stage([
    message(1, { text: '\u001b\0' }),
    message(2, { kind: 'too-new', text: '' }),
  ]);
  await printNew(profile, output);
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { messageId: 'ms_1', from: 'anna@acme.test', sentAt: '2026-01-02T03:04:05.006Z', text: '\u001b\0' },
    {
      messageId: 'ms_2',
      from: 'anna@acme.test',
      sentAt: '2026-01-02T03:04:05.006Z',
      text: 'Your app is too old for this message.',
      tooNew: true,
    },
  ]);
});

test('P2 everything is printed once, also when it takes several rounds', async () => {
  const { profile, output, lines, stored } = stage(Array.from({ length: 123 }, (_, index) => message(index)));
  await printNew(profile, output);
  await printNew(profile, output);
  expect(lines.map((line) => JSON.parse(line).text)).toEqual(
    Array.from({ length: 123 }, (_, index) => `text ${index}`),
  );
  expect(stored).toEqual([]);
});

test('P1 what was not written is not marked: a reader that leaves loses nothing', async () => {
  const { profile, output, lines, stored } = stage(
    [1, 2, 3, 4].map((number) => message(number)),
    { roomFor: 2 },
  );
  await expect(printNew(profile, output)).rejects.toBeInstanceOf(OutputClosedError);
  expect(lines).toHaveLength(2);
  expect(stored.map(({ messageId }) => messageId)).toEqual(['ms_3', 'ms_4']);
});

test('A1 offline, what is here is printed and the missing server is told', async () => {
  const { profile, output, lines } = stage([message(1)], { online: false });
  await expect(printNew(profile, output)).rejects.toMatchObject({ code: 'server_unreachable' });
  expect(lines).toHaveLength(1);
});
