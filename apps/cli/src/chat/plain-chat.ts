/** The chat line by line: what is typed is a message or a command, what happens is a sentence. Works on pipes as well. */

import type { Writable } from 'node:stream';
import type { Profile } from '@kuvert/client-core/node';
import type { Language } from '../config.ts';
import { flushIfReachable } from '../profile-session.ts';
import { ChatEngine } from './engine.ts';
import { announce } from './plain/announce.ts';
import { beginningState } from './state.ts';

/** What {@link runPlainChat} needs. */
export interface PlainChatOptions {
  readonly profile: Profile;
  readonly language: Language;
  readonly input: AsyncIterable<Uint8Array>;
  readonly output: Writable;
  /** Somebody types. Lines of a pipe wait for the first attempt to connect, and for what has come meanwhile. */
  readonly isInteractive: boolean;
  readonly stop: AbortSignal;
}

/** As wide as no line is, and high enough that whatever is loaded counts as seen. */
const SIZE = { columns: 100, rows: 1_000_000 };

const LINE_LENGTH_MAX = 250_000;
/** How long a script waits for what has come meanwhile. */
const FETCH_MS = 30_000;

/** Resolves when the person has left, or the input has ended and what was written has gone out, as far as it can. */
export async function runPlainChat(options: PlainChatOptions): Promise<void> {
  const { profile, language, input, output, isInteractive, stop } = options;
  const ended = Promise.withResolvers<'left' | 'input ended'>();
  const attempted = Promise.withResolvers<void>();
  const { name, mail, tenantName } = profile.whoami();
  const say = (sentence: string): void => {
    output.write(`${sentence}\n`);
  };
  const engine: ChatEngine = new ChatEngine({
    profile,
    state: beginningState({
      language,
      theme: 'none',
      size: SIZE,
      nowMs: Date.now(),
      self: { name, mail, tenantName },
      isPlain: true,
    }),
    host: {
      onStep: ({ before, after, event }) => {
        for (const sentence of announce(before, after, event)) say(sentence);
        if (event.kind === 'connection' && event.connection.kind !== 'connecting') attempted.resolve();
      },
      onEffect: (effect) => {
        if (effect.do === 'quit') ended.resolve('left');
      },
    },
  });
  const onStop = (): void => ended.resolve('left');
  stop.addEventListener('abort', onStop);
  output.on('error', onStop);
  try {
    say(engine.state.texts.plainWelcome(name, mail));
    engine.start();
    if (!isInteractive) await Promise.race([ready(profile, attempted.promise, engine), ended.promise]);
    void takeLines(input, engine).then(
      () => ended.resolve('input ended'),
      () => ended.resolve('input ended'),
    );
    const why = stop.aborted ? 'left' : await ended.promise;
    if (why === 'input ended') await flushIfReachable(profile);
    // What came last is told before the end.
    await engine.settled();
  } finally {
    stop.removeEventListener('abort', onStop);
    output.off('error', onStop);
    await engine.end();
    say(engine.state.texts.plainLeft());
  }
}

/** A script can name whoever has written meanwhile, or a group that it was added to. */
async function ready(profile: Profile, attempted: Promise<void>, engine: ChatEngine): Promise<void> {
  await attempted;
  if (profile.isConnected) await profile.flush({ timeoutMs: FETCH_MS }).catch(() => undefined);
  await engine.settled();
}

/** One line after another: what a line leads to is done before the next is taken. */
async function takeLines(input: AsyncIterable<Uint8Array>, engine: ChatEngine): Promise<void> {
  for await (const line of linesOf(input)) {
    engine.send({ kind: 'line', line });
    await engine.settled();
  }
}

/** Lines of UTF-8; one that is longer than any message may be is cut off. */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of input) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/);
    rest = (parts.pop() ?? '').slice(0, LINE_LENGTH_MAX);
    yield* parts;
  }
  if (rest !== '') yield rest;
}
