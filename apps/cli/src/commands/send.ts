/** `kuvert send`: one text, or one per line of stdin. */
import { readFile } from 'node:fs/promises';
import type { Profile } from '@kuvert/client-core/node';
import { mailAddress } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { UsageError } from '../failure.ts';
import { readMessageLines } from '../message-lines.ts';
import { checkText, decodeUtf8, readText } from '../message-text.ts';
import { Outgoing } from '../outgoing.ts';
import {
  connectIfReachable,
  isOffline,
  type ProfileOptions,
  TIME_LIMIT_MS,
  withProfile,
} from '../profile-session.ts';

interface SendOptions extends ProfileOptions {
  readonly to?: string;
  readonly text?: string;
  readonly jsonl?: string;
}

/** @see buildProgram */
export function addSend(program: Command, context: CommandContext): void {
  const command = program
    .command('send')
    .description('send a text; without a server it waits here and goes out with the next command')
    .option('--to <mail>', "the recipient's mail address")
    .option('--text <text>', 'the text, or - to read it from stdin byte for byte')
    .option('--jsonl <->', 'read one {"to": …, "text": …} per line from stdin (always -)');
  profileCommand(command).action((options: SendOptions) => sendAsAsked(options, context));
  finishCommand(command, [
    "kuvert send --profile anna --secret-file anna.secret --to ben@acme.test --text 'Hello Ben'",
    'kuvert send --profile anna --secret-file anna.secret --to ben@acme.test --text - < note.txt',
    'kuvert send --profile bot --secret-file bot.secret --jsonl - --json < messages.jsonl',
  ]);
}

async function sendAsAsked(options: SendOptions, context: CommandContext): Promise<void> {
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
  const { to } = options;
  if (to === undefined) {
    throw new UsageError({
      en: '--to is missing; see --help.',
      de: 'Es fehlt die Option --to; siehe --help.',
    });
  }
  // Text is read and checked before the profile is opened, so that a slow pipe keeps no profile busy.
  const text =
    options.text === '-' ? await readText(context.streams.stdin) : await checkArgument(options.text ?? '');
  await withProfile(options, context.output, (profile) => sendOne(profile, { to, text }, context));
}

/**
 * Node replaces what is not UTF-8 in an argument without a word, so an argument that holds the replacement character is
 * compared with its bytes, where the system shows them.
 * @throws KuvertError `text_not_utf8`, `text_too_long`
 */
async function checkArgument(text: string): Promise<string> {
  if (text.includes('\ufffd')) {
    const bytes = await readFile('/proc/self/cmdline').catch(() => undefined);
    if (bytes !== undefined) decodeUtf8(bytes);
  }
  return checkText(text);
}

async function sendOne(
  profile: Profile,
  message: { to: string; text: string },
  context: CommandContext,
): Promise<void> {
  const online = await connectIfReachable(profile);
  const { messageId } = await profile.send(message);
  const outgoing = new Outgoing(profile, context.output);
  outgoing.add(messageId);
  let failure: unknown;
  if (online) {
    await profile.flush({ timeoutMs: TIME_LIMIT_MS.flush }).catch((error: unknown) => {
      if (!isOffline(error)) failure = error;
    });
  }
  await outgoing.tellRest({ failed: failure !== undefined });
  if (failure !== undefined) throw failure;
  context.exitCode = outgoing.exitCode;
}

async function sendLines(options: SendOptions, context: CommandContext): Promise<void> {
  if (options.jsonl !== '-') {
    throw new UsageError({
      en: '--jsonl reads stdin only: write --jsonl - and redirect the file; see --help.',
      de: '--jsonl liest nur von stdin: bitte --jsonl - schreiben und die Datei umleiten; siehe --help.',
    });
  }
  const lines = readMessageLines(context.streams.stdin, options.to);
  await withProfile(options, context.output, async (profile) => {
    const outgoing = new Outgoing(profile, context.output);
    await outgoing.sendAll(lines);
    context.exitCode = outgoing.exitCode;
  });
}
