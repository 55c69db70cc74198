/** `kuvert safety`: the safety number with a person, and what is made of it. */
import type { SafetyInfo } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { mailAddress } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { UsageError } from '../failure.ts';
import type { Output } from '../output.ts';
import {
  connectIfReachable,
  flushIfReachable,
  type ProfileOptions,
  withProfile,
} from '../profile-session.ts';
import { qrPicture } from '../qr-picture.ts';
import { safetyTextsIn } from '../safety-texts.ts';
import { showLine } from '../terminal-text.ts';

interface SafetyOptions extends ProfileOptions {
  readonly verify?: string;
  readonly unverify?: true;
  readonly accept?: true;
}

/** @see buildProgram */
export function addSafety(program: Command, context: CommandContext): void {
  const command = program
    .command('safety')
    .description(
      'show the safety number with a person, or keep that it was compared; verify it in person or by phone',
    )
    .argument('<mail>', "the person's mail address")
    .option(
      '--verify <number>',
      'the number that the other person reads out, or the text of the code on their screen',
    )
    .option('--unverify', 'take a verification back')
    .option('--accept', 'let messages go out under the present keys without comparing');
  profileCommand(command).action(async (mail: string, options: SafetyOptions) => {
    checkUsage(mail, options);
    const { output } = context;
    await withProfile(options, output, async (profile) => {
      const reachable = await connectIfReachable(profile);
      const info = await act(profile, mail, options);
      const isChange = options.verify !== undefined || options.accept === true;
      // What was held back goes out now.
      if (isChange && reachable) await flushIfReachable(profile);
      await output.result(safetyJson(info), () => safetyText(info, output, { isChange }));
      if (!reachable) await output.notice('server_unreachable', output.texts.offlineLocal());
    });
  });
  finishCommand(command, [
    'kuvert safety --profile anna --secret-file anna.secret ben@acme.test',
    "kuvert safety --profile anna --secret-file anna.secret ben@acme.test --verify '12345 67890 …'",
    'kuvert safety --profile anna --secret-file anna.secret ben@acme.test --accept',
  ]);
}

function checkUsage(mail: string, options: SafetyOptions): void {
  if (!mailAddress.safeParse(mail).success) {
    throw new UsageError({
      en: 'This is not a mail address; see --help.',
      de: 'Das ist keine Mailadresse; siehe --help.',
    });
  }
  const asked = [options.verify !== undefined, options.unverify === true, options.accept === true];
  if (asked.filter(Boolean).length > 1) {
    throw new UsageError({
      en: 'Give one of --verify, --unverify and --accept; see --help.',
      de: 'Bitte nur eines von --verify, --unverify und --accept angeben; siehe --help.',
    });
  }
}

function act(profile: Profile, mail: string, options: SafetyOptions): Promise<SafetyInfo> {
  if (options.verify !== undefined) return profile.safety.verify(mail, options.verify);
  if (options.unverify) return profile.safety.unverify(mail);
  return options.accept ? profile.safety.accept(mail) : profile.safety.show(mail);
}

function safetyJson(info: SafetyInfo): object {
  const { personId, mail, name, number, code, verification, verifiedAtMs, isHeld } = info;
  const verifiedAt = verifiedAtMs === undefined ? {} : { verifiedAt: new Date(verifiedAtMs).toISOString() };
  return { personId, mail, name, number, code, verification, ...verifiedAt, held: isHeld };
}

function safetyText(info: SafetyInfo, output: Output, { isChange }: { isChange: boolean }): string {
  const texts = safetyTextsIn(output.language);
  const person = `${showLine(info.name)} <${showLine(info.mail)}>`;
  const state = [texts.verification(info.verification), ...(info.isHeld ? [texts.held()] : [])];
  if (isChange) return [person, ...state].join('\n');
  const groups = info.number.match(/.{5}/g) ?? [];
  const lines = [0, 4, 8].map((at) => `    ${groups.slice(at, at + 4).join(' ')}`);
  const picture = qrPicture(info.code, output);
  return [person, ...state, '', ...lines, '', picture, info.code, '', texts.how()].join('\n');
}
