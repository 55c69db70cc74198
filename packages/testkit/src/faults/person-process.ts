/**
 * A person at work, as a process of its own that may be killed at any moment: a real profile that talks without pause and shows what
 * arrives. Everything it intends, is told and shows goes into its notebook first.
 *
 * To show a message is to write it down. Between that and the profile's note that it was shown a kill may strike, and then the
 * profile rightly gives the message again: the next process finds in the notebook that this one message, and no other, was shown.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from '@kuvert/client-core';
import { openProfile, type Profile, type ReplayEvidence } from '@kuvert/client-core/node';
import { type ContentId, type ErrorCode, KuvertError } from '@kuvert/protocol';
import { standingOf } from '../devices/standing.ts';
import { toldReplay } from './closed-profiles.ts';
import { Notebook, readNotebook } from './notebook.ts';
import { pause } from './partition.ts';
import type { Order, PersonSettings, Standing } from './person-talk.ts';
import { Dice } from './plan.ts';

/** Own messages that may wait before the person waits too. */
const WAITING_MAX = 40;
const LOOK_MS = 80;
const FLUSH_MS = 20_000;

const settings = JSON.parse(process.argv[2] ?? '') as PersonSettings;
const dice = new Dice(`${settings.seed} ${settings.life}`);
const surprises: string[] = [];

/** Messages of ours and how far they have come, from this life and those before. */
const waiting = new Set<string>();
const undelivered = new Set<string>();
const problems = new Map<string, ErrorCode>();
/** What was shown and perhaps not noted by the profile. */
let unmarked: string | undefined;
let isQuiet = false;
let isLeaving = false;

const keyOf = (message: { from: string; messageId: string }): string =>
  `${message.from} ${message.messageId}`;

for (const line of readNotebook(settings.notebook)) {
  if ('waits' in line || 'replay' in line) continue;
  if ('marked' in line) {
    if (unmarked === keyOf(line.marked)) unmarked = undefined;
  } else if (line.event.kind === 'displayed') unmarked = keyOf(line.event);
  else if (line.event.kind === 'queued') waiting.add(line.event.messageId);
  else if (line.event.kind === 'accepted') {
    waiting.delete(line.event.messageId);
    undelivered.add(line.event.messageId);
  } else if (line.event.kind === 'delivered') undelivered.delete(line.event.messageId);
}

const notebook = new Notebook(settings.notebook);
const leaving = new AbortController();
const profile = await open();
const from = profile.whoami().deviceId;
void read();
void talk();
void stayConnected();
const looking = setInterval(() => look([...waiting]), LOOK_MS);
process.on('message', (order: Order) => void obey(order));
process.on('disconnect', () => process.exit(1));
process.send?.({ type: 'ready' });

/** The lock of a process that was just killed may still be held. */
async function open(): Promise<Profile> {
  const secret = Buffer.from(settings.secretHex, 'hex');
  for (let tries = 1; ; tries++) {
    try {
      const onReplay = (evidence: ReplayEvidence) => notebook.recordReplay(toldReplay(from, evidence));
      return await openProfile({ profileDir: settings.profileDir, secret, now: clock(), onReplay });
    } catch (error) {
      if (!(error instanceof KuvertError) || error.code !== 'profile_in_use' || tries > 50) throw error;
      await pause(20);
    }
  }
}

function clock(): () => number {
  let offsetMs = 0;
  const lookAtFile = (): void => {
    offsetMs = existsSync(settings.clockFile) ? Number(readFileSync(settings.clockFile, 'utf8')) || 0 : 0;
  };
  lookAtFile();
  setInterval(lookAtFile, 50).unref();
  return () => Date.now() + offsetMs;
}

async function talk(): Promise<void> {
  for (let count = 0; !isLeaving; ) {
    await pause(10 + dice.below(180));
    if (isQuiet || waiting.size >= WAITING_MAX) continue;
    const size = dice.below(4) === 0 ? 1 + dice.below(12) : 1;
    const sayings = Array.from({ length: size }, () => {
      const { mail, personId } = dice.pick(settings.colleagues);
      const intent = `${settings.life}.${count++}`;
      return { intent, mail, personId, text: `${intent} ${'§ word '.repeat(length())}` };
    });
    notebook.record(
      ...sayings.map(
        ({ intent, personId: to, text }) => ({ kind: 'intended', intent, from, to, text }) as const,
      ),
    );
    try {
      const results = await profile.sendAll(sayings.map(({ mail: to, text }) => ({ to, text })));
      notebook.record(
        ...results.map(({ messageId }, index) => {
          waiting.add(messageId);
          return { kind: 'queued', intent: sayings[index]?.intent ?? '', from, messageId } as const;
        }),
      );
    } catch (error) {
      if (!isLeaving) surprised('sending', error);
    }
  }
}

/** Mostly a line, now and then a page that travels as a shared body. */
function length(): number {
  const roll = dice.below(50);
  return roll === 0 ? 1_500 : roll < 4 ? 400 : dice.below(20);
}

async function read(): Promise<void> {
  while (!isLeaving) {
    try {
      await profile.follow(show, leaving.signal);
    } catch (error) {
      if (isLeaving) return;
      // Another connection of this device was there later: what a half-open one means. Nothing else may end a reader.
      const isKnown = error instanceof KuvertError && error.code === 'connection_replaced';
      if (!isKnown) surprised('reading', error);
      await pause(50);
    }
  }
}

function show({ senderDevice, messageId, text }: IncomingMessage): void {
  const message = { from: senderDevice, messageId };
  const key = keyOf(message);
  // `follow` gives the next message only after the one before was marked.
  if (unmarked !== undefined && unmarked !== key) {
    const [markedFrom = '', markedId = ''] = unmarked.split(' ');
    notebook.recordMarked({ from: markedFrom, messageId: markedId });
  }
  // `follow` marks as read what was shown.
  const read = { kind: 'read', device: from, ...message } as const;
  if (unmarked !== key) notebook.record({ kind: 'displayed', device: from, ...message, text }, read);
  unmarked = key;
}

/** Reconnects sooner than `follow`, so that a campaign gets through more faults. */
async function stayConnected(): Promise<void> {
  while (!isLeaving) {
    await profile.connect().catch((error: unknown) => {
      if (!(error instanceof KuvertError)) surprised('connecting', error);
      else if (error.retry.kind === 'never' && !/^(connection_replaced)$/.test(error.code))
        surprised('connecting', error);
    });
    await pause(100);
  }
}

/** Writes down how far messages have come. */
function look(ids: readonly string[]): void {
  for (const messageId of ids) {
    const { state, problem } = profile.status(messageId as ContentId);
    if (state === 'queued') {
      if (problem !== undefined && problems.get(messageId) !== problem) {
        problems.set(messageId, problem);
        notebook.recordWaiting(messageId, problem);
      }
      continue;
    }
    if (waiting.delete(messageId)) {
      undelivered.add(messageId);
      notebook.record({ kind: 'accepted', from, messageId });
    }
    if ((state === 'delivered' || state === 'read') && undelivered.delete(messageId)) {
      notebook.record({ kind: 'delivered', from, messageId });
    }
  }
}

async function obey(order: Order): Promise<void> {
  if (order.do === 'be-quiet') isQuiet = true;
  else if (order.do === 'flush') process.send?.(await flush());
  else if (order.do === 'show') {
    notebook.record({ kind: 'standing', device: from, conversations: await standingOf(profile) });
    process.send?.({ type: 'shown' });
  } else {
    isLeaving = true;
    clearInterval(looking);
    leaving.abort();
    await profile.close();
    process.exit(0);
  }
}

async function flush(): Promise<Standing> {
  let error: string | undefined;
  let left = 0;
  try {
    left = (await profile.flush({ timeoutMs: FLUSH_MS })).waiting;
  } catch (cause) {
    error = describe(cause);
  }
  look([...waiting, ...undelivered]);
  return {
    type: 'standing',
    error,
    waiting: Math.max(left, waiting.size),
    unread: profile.inbox().length,
    undelivered: undelivered.size,
    notices: profile.notices().map(({ kind, deviceId, code, count }) => ({
      kind,
      ...(deviceId !== undefined && { deviceId }),
      ...(code !== undefined && { code }),
      ...(count !== undefined && { count }),
    })),
    surprises,
  };
}

function surprised(doing: string, error: unknown): void {
  if (surprises.length < 50) surprises.push(`${doing}: ${describe(error)}`);
}

function describe(error: unknown): string {
  if (!(error instanceof KuvertError)) return String((error as Error | undefined)?.stack ?? error);
  const cause =
    error.cause === undefined ? '' : ` because of ${String((error.cause as Error).stack ?? error.cause)}`;
  return `${error.code}${cause}`;
}
