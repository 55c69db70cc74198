/** `kuvert admin authenticator change` and `recovery-codes renew`: another app, or other codes, in the place of one's own. */
import { KuvertError } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand } from '../command-context.ts';
import { qrPicture } from '../qr-picture.ts';
import { adminTextsIn } from './admin-texts.ts';
import { type AdminOptions, adminOptions, callWithStepUp, signedInClient } from './connection.ts';
import { type Prompts, withPrompts } from './prompts.ts';

/** How often the first digits of a new app may be wrong. */
const CONFIRM_TRIES = 3;

/** @see addAdmin */
export function addFactors(admin: Command, context: CommandContext): void {
  const authenticator = admin
    .command('authenticator')
    .description('your own authenticator app')
    .helpCommand(false);
  const change = adminOptions(
    authenticator
      .command('change')
      .description('replace the authenticator app by another; all your other sessions end'),
  ).action((options: AdminOptions) =>
    withPrompts(context, async (prompts) => {
      const { output } = context;
      const client = await signedInClient(options, context);
      const { result } = await callWithStepUp(client, 'authenticator.begin', {}, context, prompts);
      await showAppSecret(result, context);
      await confirmApp(adminTextsIn(output.language).newTotp, prompts, (totp) => {
        const input = { body: { totp } };
        return callWithStepUp(client, 'authenticator.change', input, context, prompts);
      });
      await output.result({ state: 'done' }, () => adminTextsIn(output.language).authenticatorChanged);
    }),
  );
  finishCommand(change, ['kuvert admin authenticator change']);

  const codes = admin.command('recovery-codes').description('your own recovery codes').helpCommand(false);
  const renew = adminOptions(
    codes
      .command('renew')
      .description(
        'draw new recovery codes; those of before are void at once, and all your other sessions end',
      ),
  ).action((options: AdminOptions) =>
    withPrompts(context, async (prompts) => {
      const { output } = context;
      const client = await signedInClient(options, context);
      const { result } = await callWithStepUp(client, 'recovery-codes.renew', {}, context, prompts);
      const { recoveryCodes } = result;
      await output.result({ recoveryCodes }, () =>
        adminTextsIn(output.language).recoveryCodes(recoveryCodes),
      );
    }),
  );
  finishCommand(renew, ['kuvert admin recovery-codes renew']);
}

/** The secret of a new app, to type or to scan. */
export async function showAppSecret(
  { totpSecret, totpUri }: { readonly totpSecret: string; readonly totpUri: string },
  { output }: CommandContext,
): Promise<void> {
  await output.result({ totpSecret, totpUri }, () => {
    const picture = qrPicture(totpUri, output);
    return `${adminTextsIn(output.language).addSecret(totpSecret, totpUri)}\n${picture}`;
  });
}

/** Gives the digits of a new app on. A slip is no reason to begin anew with another one. */
export async function confirmApp<T>(
  question: string,
  prompts: Prompts,
  give: (totp: string) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const totp = await prompts.askDigits(question);
    try {
      return await give(totp);
    } catch (error) {
      const isSlip = error instanceof KuvertError && error.code === 'sign_in_failed';
      if (!isSlip || tries === CONFIRM_TRIES) throw error;
    }
  }
}
