/** `kuvert send`: one text, or one per line of stdin. */
import type { Profile } from '@kuvert/client-core/node';
import { type ContentId, mailAddress } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { UsageError } from '../failure.ts';
import { readMessageLines } from '../message-lines.ts';
import { checkText, readText } from '../message-text.ts';
import { Outgoing } from '../outgoing.ts';
import { connectIfReachable, groupNamed, isOffline, TIME_LIMIT_MS, withProfile } from '../profile-session.ts';
import { flushPatiently } from '../progress.ts';
import { type Stopping, stoppable } from '../stopping.ts';
import { queueOther, type SendOptions } from './send-content.ts';

/** What is sent instead of a plain text, at most one of them. */
const OTHERS = [
  'file',
  'voice',
  'contact',
  'link',
  'edit',
  'delete',
  'react',
  'place',
  'poll',
  'vote',
  'endPoll',
] as const;
/** Those that are about a message that is there. */
const CHANGES: readonly string[] = ['edit', 'delete', 'react', 'vote', 'endPoll'];
/** Those that have no words beside them. */
const WORDLESS: readonly string[] = ['voice', 'contact', 'place', 'poll', 'vote', 'endPoll', 'delete'];
/** Options that say more about another one. */
const BELONGS = {
  mail: 'contact',
  phone: 'contact',
  organisation: 'contact',
  linkTitle: 'link',
  linkText: 'linkTitle',
  multiple: 'poll',
} as const;

/** @see buildProgram */
export function addSend(program: Command, context: CommandContext): void {
  const command = program
    .command('send')
    .description('send a text; without a server it waits here and goes out with the next command')
    .option('--to <mail>', "the recipient's mail address")
    .option('--group <group>', 'the group instead, by title or id (gr_…)')
    .option('--text <text>', 'the text, or - to read it from stdin byte for byte')
    .option('--file <path>', 'send a file, up to 2 GB; --text says something about it')
    .option('--reply-to <message>', 'answer this message, by the id that inbox prints')
    .option('--edit <message>', 'give a message of yours the text in --text')
    .option('--delete <message>', 'take a message of yours back, for everybody')
    .option('--react <message>', 'react to a message with the sign in --text; an empty one takes it back')
    .option('--place <latitude,longitude[,name]>', 'send a place')
    .option('--poll <question>', 'ask, with 2 to 16 different --option')
    .option('--option <text>', 'an answer of --poll, or the number of one for --vote', collect)
    .option('--multiple', 'more than one answer of --poll may be chosen')
    .option('--vote <message>', 'answer a poll with --option 1, --option 2 …; none takes the answer back')
    .option('--end-poll <message>', 'end a poll of yours')
    .option('--voice <path>', 'send a sound as a voice message')
    .option('--contact <name|mail>', 'send a card: of a colleague by their address, or of anybody by name')
    .option('--mail <mail>', 'an address on the card', collect)
    .option('--phone <number>', 'a number on the card', collect)
    .option('--organisation <name>', 'where the person of the card works')
    .option(
      '--link <url>',
      'send a web address with --text or alone; this machine looks at the page for its title and picture, readers do not',
    )
    .option('--link-title <title>', 'what the page is called; then nobody looks at it')
    .option('--link-text <text>', 'what the page says, with --link-title')
    .option('--mention <mail>', 'somebody whom the text names as @Name or @mail', collect)
    .option('--jsonl <->', 'read one {"to": …, "text": …} per line from stdin (always -)');
  profileCommand(command).action((options: SendOptions) => sendAsAsked(options, context));
  finishCommand(command, [
    "kuvert send --profile anna --secret-file anna.secret --to ben@acme.test --text 'Hello Ben'",
    'kuvert send --profile anna --secret-file anna.secret --to ben@acme.test --text - < note.txt',
    "kuvert send --profile anna --secret-file anna.secret --to ben@acme.test --file report.pdf --text 'As promised'",
    "kuvert send --profile anna --secret-file anna.secret --group Release --text 'Hello all'",
    'kuvert send --profile anna --secret-file anna.secret --group Release --file notes.pdf',
    'kuvert send --profile anna --secret-file anna.secret --to ben@acme.test --voice memo.opus',
    "kuvert send --profile anna --secret-file anna.secret --group Release --text '@Ben, please look' --mention ben@acme.test",
    'kuvert send --profile bot --secret-file bot.secret --jsonl - --json < messages.jsonl',
  ]);
}

async function sendAsAsked(options: SendOptions, context: CommandContext): Promise<void> {
  const others = OTHERS.filter((name) => options[name] !== undefined);
  const more = ['replyTo', 'mention', ...Object.keys(BELONGS)] as (keyof SendOptions)[];
  const isRich = more.some((name) => options[name] !== undefined);
  if (others.length > 0 || isRich) return sendOther(options, others, context);
  if ((options.text === undefined) === (options.jsonl === undefined)) {
    throw new UsageError({
      en: 'Give either --text or --jsonl; see --help.',
      de: 'Bitte entweder --text oder --jsonl angeben; siehe --help.',
    });
  }
  if (options.to !== undefined && !mailAddress.safeParse(options.to).success) {
    throw new UsageError({
      en: '--to is not a mail address; see --help.',
      de: '--to ist keine Mailadresse; siehe --help.',
    });
  }
  if (options.jsonl !== undefined) return sendLines(options, context);
  const { to, group } = options;
  if ((to === undefined) === (group === undefined)) throw noRecipient();
  // Text is read and checked before the profile is opened, so that a slow pipe keeps no profile busy.
  const text = options.text === '-' ? await readText(context.streams.stdin) : checkText(options.text ?? '');
  await stoppable(context, (stop) =>
    withProfile(options, context.output, (profile) =>
      sendOne(profile, { to, group, text }, { context, stop }),
    ),
  );
}

function noRecipient(): UsageError {
  return new UsageError({
    en: 'Give either --to or --group; see --help.',
    de: 'Bitte entweder --to oder --group angeben; siehe --help.',
  });
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

async function sendOther(
  options: SendOptions,
  others: readonly (typeof OTHERS)[number][],
  context: CommandContext,
): Promise<void> {
  const { to, group, replyTo: answered } = options;
  const isAbout = others.some((name) => CHANGES.includes(name));
  const needsText = options.edit !== undefined || options.react !== undefined || others.length === 0;
  const isWordless = others.some((name) => WORDLESS.includes(name));
  const isMentionOdd =
    options.mention !== undefined && (options.text === undefined || options.react !== undefined);
  const isStray = Object.entries(BELONGS).some(
    ([name, to]) => options[name as keyof typeof BELONGS] !== undefined && options[to] === undefined,
  );
  if (
    others.length > 1 ||
    options.jsonl !== undefined ||
    (isAbout && answered !== undefined) ||
    (isWordless && options.text !== undefined) ||
    isMentionOdd ||
    isStray
  ) {
    throw new UsageError({
      en: 'These options do not go together; see --help.',
      de: 'Diese Optionen passen nicht zusammen; siehe --help.',
    });
  }
  if (needsText && options.text === undefined) {
    throw new UsageError({
      en: '--text is missing; see --help.',
      de: 'Es fehlt die Option --text; siehe --help.',
    });
  }
  if (!isAbout && (to === undefined) === (group === undefined)) throw noRecipient();
  if (to !== undefined && !mailAddress.safeParse(to).success) {
    throw new UsageError({
      en: '--to needs a mail address; see --help.',
      de: '--to braucht eine Mailadresse; siehe --help.',
    });
  }
  const text =
    options.text === '-'
      ? await readText(context.streams.stdin)
      : options.text === undefined
        ? undefined
        : checkText(options.text);
  await stoppable(context, (stop) =>
    withProfile(options, context.output, async (profile) => {
      const online = await stop.orStop(connectIfReachable(profile));
      const { group: named } = options;
      const group = named === undefined ? undefined : (await stop.orStop(groupNamed(profile, named))).groupId;
      const asked = { ...options, ...(group !== undefined && { group }), text };
      const messageId = await stop.orStop(queueOther(profile, asked));
      await bringOut(profile, messageId, { online, context, stop });
    }),
  );
}

/** Sends it as far as that is possible now, however long a file takes, and tells what became of it. */
async function bringOut(
  profile: Profile,
  messageId: ContentId,
  { online, context, stop: stopping }: { online: boolean; context: CommandContext; stop: Stopping },
): Promise<void> {
  let failure: unknown;
  if (online) {
    const flushing = flushPatiently(profile, TIME_LIMIT_MS.fileStandstill);
    await stopping.untilStop(flushing).catch((error: unknown) => {
      if (!isOffline(error)) failure = error;
    });
  }
  const isKnown = (() => {
    try {
      profile.status(messageId);
      return true;
    } catch {
      return false;
    }
  })();
  if (isKnown) {
    const outgoing = new Outgoing(profile, context.output);
    outgoing.add(messageId);
    await outgoing.tellRest({ failed: failure !== undefined, isStopped: stopping.isStopped });
    context.exitCode = outgoing.exitCode;
  } else await context.output.result({ messageId, state: 'accepted' }, () => context.output.texts.deleted());
  if (failure !== undefined) throw failure;
}

async function sendOne(
  profile: Profile,
  { to, group, text }: { to: string | undefined; group: string | undefined; text: string },
  { context, stop }: { context: CommandContext; stop: Stopping },
): Promise<void> {
  const online = await stop.orStop(connectIfReachable(profile));
  const messageId =
    group === undefined
      ? (await profile.send({ to: to ?? '', text })).messageId
      : await stop.orStop(sendToGroup(profile, group, text));
  const outgoing = new Outgoing(profile, context.output);
  outgoing.add(messageId);
  let failure: unknown;
  if (online) {
    await stop.untilStop(flushPatiently(profile, TIME_LIMIT_MS.flush)).catch((error: unknown) => {
      if (!isOffline(error)) failure = error;
    });
  }
  await outgoing.tellRest({ failed: failure !== undefined, isStopped: stop.isStopped });
  if (failure !== undefined) throw failure;
  context.exitCode = outgoing.exitCode;
}

/** A group that is new to this device is known once its log was fetched. */
async function sendToGroup(profile: Profile, name: string, text: string): Promise<ContentId> {
  const { groupId } = await groupNamed(profile, name);
  return profile.groups.send(groupId, text);
}

async function sendLines(options: SendOptions, context: CommandContext): Promise<void> {
  if (options.jsonl !== '-') {
    throw new UsageError({
      en: '--jsonl reads stdin only: write --jsonl - and redirect the file; see --help.',
      de: '--jsonl liest nur von stdin: bitte --jsonl - schreiben und die Datei umleiten; siehe --help.',
    });
  }
  if (options.group !== undefined) {
    throw new UsageError({
      en: 'Lines name mail addresses: --jsonl does not go together with --group.',
      de: 'Zeilen nennen Mailadressen: --jsonl passt nicht zu --group.',
    });
  }
  const lines = readMessageLines(context.streams.stdin, options.to);
  await withProfile(options, context.output, async (profile) => {
    const outgoing = new Outgoing(profile, context.output);
    await outgoing.sendAll(lines);
    context.exitCode = outgoing.exitCode;
  });
}
