/** `kuvert status`: how far a message of one's own has come. */
import type { Profile } from '@kuvert/client-core/node';
import { type ContentId, isId } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { UsageError } from '../failure.ts';
import { stateJson } from '../message-view.ts';
import { problemSentence } from '../problem-sentence.ts';
import { flushIfReachable, type ProfileOptions, withProfile } from '../profile-session.ts';

/** @see buildProgram */
export function addStatus(program: Command, context: CommandContext): void {
  const command = program
    .command('status')
    .description('show how far a message has come: queued, accepted, delivered or read')
    .argument('<messageId>', 'the id that send gave (ms_…)');
  profileCommand(command).action(async (messageId: string, options: ProfileOptions) => {
    if (!isId('content', messageId)) {
      throw new UsageError({
        en: 'This is not the id of a message (ms_…); see --help.',
        de: 'Das ist keine Kennung einer Nachricht (ms_…); siehe --help.',
      });
    }
    await withProfile(options, context.output, (profile) => showStatus(profile, messageId, context));
  });
  finishCommand(command, ['kuvert status --profile anna --secret-file anna.secret ms_…']);
}

async function showStatus(profile: Profile, messageId: ContentId, { output }: CommandContext): Promise<void> {
  // Asked before the network, so that an unknown id is told at once, also offline.
  profile.status(messageId);
  const reachable = await flushIfReachable(profile);
  const { state, problem, dormant } = profile.status(messageId);
  await output.result({ ...stateJson(state), ...(problem && { problem }), ...(dormant && { dormant }) }, () =>
    [
      output.texts.state(state),
      ...(problem ? [problemSentence(problem, output.language)] : []),
      ...(dormant ? [output.texts.notKeptFor(dormant)] : []),
    ].join('\n'),
  );
  if (!reachable) await output.notice('server_unreachable', output.texts.offlineLocal());
}
