/** `kuvert admin password …`: how strong a password would be, before it is chosen, and another in the place of one's own. */
import {
  type AdminClient,
  PASSWORD_REASONS,
  PASSWORD_SCORE_MIN,
  type PasswordStrength,
} from '@kuvert/protocol/admin';
import type { Command } from 'commander';
import { type CommandContext, finishCommand } from '../command-context.ts';
import type { Language } from '../config.ts';
import type { Output } from '../output.ts';
import { adminTextsIn } from './admin-texts.ts';
import { type AdminOptions, adminOptions, callWithStepUp, signedInClient } from './connection.ts';
import { type Prompts, withPrompts } from './prompts.ts';

/** @see addAdmin */
export function addPassword(admin: Command, context: CommandContext): void {
  const password = admin.command('password').description('your own password').helpCommand(false);
  const check = adminOptions(
    password
      .command('check')
      .description(
        'say how strong a password would be and why it would not be taken; it is neither kept nor logged',
      ),
  ).action((options: AdminOptions) =>
    withPrompts(context, async (prompts) => {
      const { output } = context;
      const client = await signedInClient(options, context);
      const newPassword = await prompts.askSecret(adminTextsIn(output.language).newPassword);
      const { result } = await client.call('password.check', { body: { newPassword } });
      await output.result(result, () => strengthLines(result, output));
    }),
  );
  finishCommand(check, ['kuvert admin password check']);
  const change = adminOptions(
    password.command('change').description('choose another password; all your other sessions end'),
  ).action((options: AdminOptions) =>
    withPrompts(context, async (prompts) => {
      const { output } = context;
      const texts = adminTextsIn(output.language);
      const client = await signedInClient(options, context);
      await chooseAnother(client, {
        present: await prompts.askSecret(texts.presentPassword),
        context,
        prompts,
      });
      await output.result({ state: 'done' }, () => texts.done);
    }),
  );
  finishCommand(change, ['kuvert admin password change']);
}

/** Asks for another password until one is good enough, and puts it in the place of the present one. */
export async function chooseAnother(
  client: AdminClient,
  asked: { readonly present: string; readonly context: CommandContext; readonly prompts: Prompts },
): Promise<void> {
  const { present, context, prompts } = asked;
  const newPassword = await askGoodPassword(context, prompts, {
    question: adminTextsIn(context.output.language).newPassword,
    check: async (tried) =>
      tried === present
        ? sameAsBefore(context.output.language)
        : (await client.call('password.check', { body: { newPassword: tried } })).result,
  });
  const body = { password: present, newPassword };
  await callWithStepUp(client, 'password.change', { body }, context, prompts);
}

function sameAsBefore(language: Language): PasswordStrength {
  const code = 'same_as_before';
  const reasons = [{ code, says: PASSWORD_REASONS[code][language] } as const];
  return { isGoodEnough: false, score: 0, scoreMin: PASSWORD_SCORE_MIN, reasons };
}

/** Asks for a password, says how strong it is, and asks again while it would not be taken. @throws UsageError at the end of stdin */
export async function askGoodPassword(
  { output }: CommandContext,
  prompts: Prompts,
  asked: { readonly question: string; readonly check: (password: string) => Promise<PasswordStrength> },
): Promise<string> {
  for (;;) {
    const password = await prompts.askSecret(asked.question);
    if (password === '') continue;
    const strength = await asked.check(password);
    await output.notice('password-strength', strengthLines(strength, output), { strength });
    if (strength.isGoodEnough) return password;
  }
}

function strengthLines(
  { score, scoreMin, isGoodEnough, reasons }: PasswordStrength,
  { language }: Output,
): string {
  const texts = adminTextsIn(language);
  const meter = `${'■'.repeat(score)}${'□'.repeat(4 - score)}`;
  return [
    texts.strength(meter, score, scoreMin),
    ...reasons.map(({ says }) => `  - ${says}`),
    ...(isGoodEnough ? [] : [texts.chooseAnother]),
  ].join('\n');
}
