/** `kuvert pin`, `mute`, `draft`, `timer` and `delete`: how a person keeps their conversations. */
import { type DeletionScope, MUTED_FOR_EVER_MS } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import {
  type ContentId,
  type ConversationId,
  type GroupId,
  isId,
  KuvertError,
  mailAddress,
  TIMER_MS,
} from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { conversationTextsIn } from '../conversation-texts.ts';
import { parseDuration, showDuration } from '../duration.ts';
import { UsageError } from '../failure.ts';
import { readText } from '../message-text.ts';
import { localTime } from '../message-view.ts';
import {
  connectIfReachable,
  flushIfReachable,
  groupNamed,
  type ProfileOptions,
  withProfile,
} from '../profile-session.ts';
import { showLine } from '../terminal-text.ts';

interface WithOptions extends ProfileOptions {
  readonly with?: string;
  readonly group?: string;
  readonly off?: true;
}

/** The conversation that a command is about. */
interface Chosen {
  readonly conversationId: ConversationId;
  /** An address, or the title of a group, for sentences. */
  readonly name: string;
  readonly isGroup: boolean;
  /** What names it in JSON, as in `conversations`. */
  readonly facts: { readonly with: string; readonly group?: GroupId; readonly title?: string };
}

/** @see buildProgram */
export function addKeeping(program: Command, context: CommandContext): void {
  addPin(program, context);
  addMute(program, context);
  addDraft(program, context);
  addTimer(program, context);
  addDelete(program, context);
}

function addPin(program: Command, context: CommandContext): void {
  const command = withCommand(program, 'pin', 'keep a conversation at the top').option(
    '--off',
    'not any more',
  );
  profileCommand(command).action((options: WithOptions) =>
    change(options, context, async (profile, { conversationId, name, facts }) => {
      profile.conversations.setPinned(conversationId, options.off !== true);
      const { output } = context;
      const isOn = options.off !== true;
      await output.result({ ...facts, pinned: isOn }, () =>
        conversationTextsIn(output.language).pinSet(name, isOn),
      );
    }),
  );
  finishCommand(command, ['kuvert pin --profile anna --secret-file anna.secret --with ben@acme.test']);
}

function addMute(program: Command, context: CommandContext): void {
  const command = withCommand(program, 'mute', 'say nothing of new messages of a conversation')
    .option('--for <duration>', 'for so long, as in 30m, 8h, 7d; else until --off')
    .option('--off', 'not any more');
  profileCommand(command).action((options: WithOptions & { for?: string }) => {
    const forMs = options.for === undefined ? undefined : readDuration(options.for);
    return change(options, context, async (profile, { conversationId, name, facts }) => {
      const { output } = context;
      const untilMs = forMs === undefined ? MUTED_FOR_EVER_MS : Date.now() + forMs;
      profile.conversations.setMuted(conversationId, options.off ? undefined : untilMs);
      const until = forMs === undefined ? undefined : localTime(untilMs);
      const mutedUntil = forMs === undefined ? null : new Date(untilMs).toISOString();
      const result = { ...facts, muted: options.off !== true, ...(options.off !== true && { mutedUntil }) };
      const sentence = conversationTextsIn(output.language);
      await output.result(result, () => sentence.muteSet(name, options.off ? false : until));
    });
  });
  finishCommand(command, [
    'kuvert mute --profile anna --secret-file anna.secret --with ben@acme.test --for 8h',
  ]);
}

function addDraft(program: Command, context: CommandContext): void {
  const command = withCommand(program, 'draft', 'show, keep or throw away a text that is not sent yet')
    .option('--text <text>', 'keep this text, or - to read it from stdin')
    .option('--off', 'throw it away');
  profileCommand(command).action(async (options: WithOptions & { text?: string }) => {
    const { output } = context;
    const texts = conversationTextsIn(output.language);
    const text = options.text === '-' ? await readText(context.streams.stdin) : options.text;
    await change(options, context, async (profile, { conversationId, name, facts }) => {
      if (options.off || text !== undefined)
        profile.conversations.setDraft(conversationId, options.off ? '' : (text ?? ''));
      const { draft } = profile.conversations.get(conversationId);
      await output.result({ ...facts, draft }, () => {
        if (text !== undefined) return texts.draftKept(name);
        if (options.off) return texts.draftGone(name);
        return draft === '' ? texts.noDraft() : showLine(draft);
      });
    });
  });
  finishCommand(command, [
    "kuvert draft --profile anna --secret-file anna.secret --with ben@acme.test --text 'Dear Ben'",
  ]);
}

function addTimer(program: Command, context: CommandContext): void {
  const command = withCommand(
    program,
    'timer',
    'let new messages of a conversation disappear, for everybody in it',
  ).argument('[duration]', 'how long after they were sent or read, as in 30s, 5m, 8h, 7d, 4w; or off');
  profileCommand(command).action((duration: string | undefined, options: WithOptions) => {
    const ms = duration === undefined || duration === 'off' ? undefined : readDuration(duration);
    if (ms !== undefined && (ms < TIMER_MS.min || ms > TIMER_MS.max)) throw badDuration();
    return change(options, context, async (profile, { conversationId, name, isGroup, facts }) => {
      const { output } = context;
      if (duration !== undefined) profile.conversations.setTimer(conversationId, ms);
      const { timerMs } = profile.conversations.get(conversationId);
      const timerSeconds = timerMs === undefined ? null : timerMs / 1_000;
      const shown = timerMs === undefined ? undefined : showDuration(timerMs);
      const texts = conversationTextsIn(output.language);
      await output.result({ ...facts, timerSeconds }, () =>
        texts.timerSet(isGroup ? texts.inGroup(name) : texts.withPerson(name), shown),
      );
    });
  });
  finishCommand(command, [
    'kuvert timer --profile anna --secret-file anna.secret --with ben@acme.test 7d',
    'kuvert timer --profile anna --secret-file anna.secret --group Release 7d',
    'kuvert timer --profile anna --secret-file anna.secret --with ben@acme.test off',
  ]);
}

function addDelete(program: Command, context: CommandContext): void {
  const command = program
    .command('delete')
    .description('delete messages on this device, on all your devices, or for everybody')
    .argument('<messageId...>', 'ids of messages (ms_…)')
    .option('--my-devices', 'on all devices of yours')
    .option('--everywhere', 'for everybody; only messages of your own');
  type Options = ProfileOptions & { myDevices?: true; everywhere?: true };
  profileCommand(command).action(async (messageIds: string[], options: Options) => {
    const ids = messageIds.filter((id): id is ContentId => isId('content', id));
    if (ids.length < messageIds.length) {
      throw new UsageError({
        en: 'This is not the id of a message (ms_…); see --help.',
        de: 'Das ist keine Kennung einer Nachricht (ms_…); siehe --help.',
      });
    }
    const scope: DeletionScope = options.everywhere
      ? 'everywhere'
      : options.myDevices
        ? 'own-devices'
        : 'here';
    const { output } = context;
    await withProfile(options, output, async (profile) => {
      const { conversations } = profile;
      const entryIds = ids.flatMap((id) => {
        const found = conversations.find(id);
        if (found.length === 0) throw new KuvertError('message_unknown');
        return found.map(({ entryId }) => entryId);
      });
      conversations.deleteEntries(entryIds, scope);
      for (const messageId of ids) await output.result({ messageId, deleted: scope }, () => messageId);
      await output.progress(conversationTextsIn(output.language).deleted(ids.length, scope));
      if (scope !== 'here') await flushIfReachable(profile);
    });
  });
  finishCommand(command, ['kuvert delete --profile anna --secret-file anna.secret --everywhere ms_…']);
}

function withCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--with <mail>', 'the other person')
    .option('--group <group>', 'the group instead, by title or id (gr_…)');
}

/** Opens the profile, lets the address or the group be resolved where that is possible, changes something and tells one's other devices. */
async function change(
  options: WithOptions,
  context: CommandContext,
  work: (profile: Profile, chosen: Chosen) => Promise<void>,
): Promise<void> {
  const find = readChoice(options);
  await withProfile(options, context.output, async (profile) => {
    const isOnline = await connectIfReachable(profile);
    await work(profile, await find(profile));
    if (isOnline) await flushIfReachable(profile);
  });
}

/** What was written is checked before the profile is opened. */
function readChoice({ with: mail, group }: WithOptions): (profile: Profile) => Promise<Chosen> {
  if ((mail === undefined) === (group === undefined)) {
    throw new UsageError({
      en: 'Give either --with or --group; see --help.',
      de: 'Bitte entweder --with oder --group angeben; siehe --help.',
    });
  }
  if (group !== undefined) return (profile) => groupChosen(profile, group);
  const address = mailAddress.safeParse(mail);
  if (!address.success) {
    throw new UsageError({
      en: '--with is not a mail address; see --help.',
      de: '--with ist keine Mailadresse; siehe --help.',
    });
  }
  return (profile) => personChosen(profile, address.data);
}

async function personChosen(profile: Profile, mail: string): Promise<Chosen> {
  const conversationId = await profile.conversationAt(mail);
  return { conversationId, name: showLine(mail), isGroup: false, facts: { with: mail } };
}

async function groupChosen(profile: Profile, named: string): Promise<Chosen> {
  const { conversationId, groupId, title } = await groupNamed(profile, named);
  const facts = { with: title, group: groupId, title };
  return { conversationId, name: showLine(title) || groupId, isGroup: true, facts };
}

function readDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) throw badDuration();
  return ms;
}

function badDuration(): UsageError {
  return new UsageError({
    en: 'A duration is a number and one of s, m, h, d, w, as in 30s or 7d; see --help.',
    de: 'Eine Dauer ist eine Zahl mit s, m, h, d oder w, wie 30s oder 7d; siehe --help.',
  });
}
