/** `kuvert admin setup`, `accept`, `sign-in`, `sign-out` and `step-up`: how somebody comes in and goes. */
import { KuvertError, sentenceFor } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand } from '../command-context.ts';
import { adminTextsIn } from './admin-texts.ts';
import { showPage, signInInBrowser, stepUp } from './browser-passkey.ts';
import {
  type AdminOptions,
  adminOptions,
  callWithStepUp,
  openClient,
  sessionFile,
  signedInClient,
} from './connection.ts';
import { keepDeviceToken, readDeviceToken } from './device-file.ts';
import { confirmApp, showAppSecret } from './factor-commands.ts';
import { askGoodPassword, chooseAnother } from './password-commands.ts';
import { type Prompts, withPrompts } from './prompts.ts';
import { forgetSession, writeSession } from './session-file.ts';

interface ComeIn extends AdminOptions {
  readonly name?: string;
  readonly mail?: string;
  readonly recovery?: true;
  readonly passkey?: true;
}

/** @see addAdmin */
export function addSignIn(admin: Command, context: CommandContext): void {
  for (const [name, about] of [
    ['setup', 'become the first operator with the set-up code that the server printed'],
    ['accept', 'become an administrator with an invitation code'],
  ] as const) {
    const command = adminOptions(admin.command(name).description(about))
      .option('--name <name>', 'your name; asked for if not given')
      .option('--mail <mail>', 'your mail address; asked for if not given')
      .action((options: ComeIn) => withPrompts(context, (prompts) => accept(options, context, prompts)));
    finishCommand(command, [
      `kuvert admin ${name} --server https://kuvert.acme.test --name Olga --mail olga@acme.test`,
    ]);
  }

  const signIn = adminOptions(admin.command('sign-in').description('sign in with password and second factor'))
    .option('--mail <mail>', 'your mail address; asked for if not given')
    .option('--recovery', 'use a recovery code in the place of the app')
    .option('--passkey', 'use a passkey, shown in a browser, in the place of password and app')
    .action((options: ComeIn) => withPrompts(context, (prompts) => begin(options, context, prompts)));
  finishCommand(signIn, ['kuvert admin sign-in --server https://kuvert.acme.test --mail olga@acme.test']);

  const signOut = adminOptions(admin.command('sign-out').description('end this session')).action(
    async (options: AdminOptions) => {
      const client = await signedInClient(options, context);
      const { result } = await client.call('me');
      await client.call('sessions.end', { params: { sessionId: result.sessionId } });
      await forgetSession(sessionFile(options, context));
      const { output } = context;
      await output.result({ state: 'signed-out' }, () => adminTextsIn(output.language).signedOut);
    },
  );
  finishCommand(signOut, ['kuvert admin sign-out']);

  const stepUpCommand = adminOptions(
    admin.command('step-up').description('show the second factor again'),
  ).action((options: AdminOptions) =>
    withPrompts(context, async (prompts) => {
      const client = await signedInClient(options, context);
      const { output } = context;
      await output.result(await stepUp(client, context, prompts), () => adminTextsIn(output.language).done);
    }),
  );
  finishCommand(stepUpCommand, ['kuvert admin step-up']);
}

/** `kuvert admin passkeys add`, in the group of the operations on passkeys. @see addAdmin */
export function addPasskeyCommand(admin: Command, context: CommandContext): void {
  const passkeys = admin.commands.find((command) => command.name() === 'passkeys');
  if (passkeys === undefined) throw new Error('there are no operations on passkeys');
  const add = adminOptions(passkeys.command('add').description('add a passkey, made in a browser'))
    .requiredOption('--name <name>', 'what to call it')
    .action((options: AdminOptions & { readonly name: string }) =>
      withPrompts(context, async (prompts) => {
        const client = await signedInClient(options, context);
        const input = { body: { name: options.name } };
        const { result } = await callWithStepUp(client, 'passkeys.add-in-browser', input, context, prompts);
        await showPage(client, result, context);
        const { output } = context;
        const { expiresAt } = result;
        await output.result({ state: 'begun', expiresAt }, () => adminTextsIn(output.language).passkeyBegun);
      }),
    );
  finishCommand(add, ['kuvert admin passkeys add --name Laptop']);
}

async function accept(options: ComeIn, context: CommandContext, prompts: Prompts): Promise<void> {
  const { output } = context;
  const texts = adminTextsIn(output.language);
  const client = openClient(options.server, context);
  const code = await prompts.askSecret(texts.code);
  const name = options.name ?? (await prompts.ask(texts.name));
  const mail = options.mail ?? (await prompts.ask(texts.mail));
  const password = await askGoodPassword(context, prompts, {
    question: texts.password,
    check: async (tried) =>
      (await client.call('invitations.check-password', { body: { code, password: tried, name, mail } }))
        .result,
  });
  const { totpSecret, totpUri } = (
    await client.call('invitations.open', { body: { code, name, mail, password } })
  ).result;
  await showAppSecret({ totpSecret, totpUri }, context);
  const { token, expiresAt, deviceToken, recoveryCodes } = await confirmApp(
    texts.totp,
    prompts,
    async (totp) => (await client.call('invitations.accept', { body: { code, totp } })).result,
  );
  await keep(options, context, { token, expiresAt });
  await keepDevice(options, context, { mail, deviceToken });
  await output.result({ expiresAt, recoveryCodes }, () =>
    [texts.recoveryCodes(recoveryCodes), texts.signedIn(expiresAt)].join('\n'),
  );
}

async function begin(options: ComeIn, context: CommandContext, prompts: Prompts): Promise<void> {
  const { output } = context;
  const texts = adminTextsIn(output.language);
  const client = openClient(options.server, context);
  const inBrowser = async () => {
    const session = await signInInBrowser(client, context, prompts);
    await keep(options, context, session);
    const { expiresAt } = session;
    await output.result({ expiresAt }, () => texts.signedIn(expiresAt));
  };
  if (options.passkey) return inBrowser();
  const mail = options.mail ?? (await prompts.ask(texts.mail));
  const password = await prompts.askSecret(texts.password);
  const secondFactor = options.recovery
    ? { kind: 'recovery' as const, code: await prompts.askSecret(texts.recoveryCode) }
    : { kind: 'totp' as const, code: await prompts.askDigits(texts.totp) };
  const known = await readDeviceToken(sessionFile(options, context), { server: client.url, mail });
  const signedIn = await client
    .call('sessions.create', { body: { mail, password, secondFactor, deviceToken: known } })
    .catch(async (error: unknown) => {
      if (!(error instanceof KuvertError) || error.code !== 'passkey_required') throw error;
      await output.notice(error.code, sentenceFor(error.code, output.language));
    });
  // Only passkeys count for them.
  if (signedIn === undefined) return inBrowser();
  const { token, expiresAt, deviceToken, passwordDue } = signedIn.result;
  await keep(options, context, { token, expiresAt });
  await keepDevice(options, context, { mail, deviceToken });
  if (passwordDue !== undefined) {
    // Kept before, so that whoever goes away now can do it later with `password change`.
    await output.notice('password-due', texts.passwordDue(passwordDue), { reason: passwordDue });
    await chooseAnother(client.as(token), { present: password, context, prompts });
  }
  await output.result({ expiresAt }, () => texts.signedIn(expiresAt));
}

async function keep(
  options: ComeIn,
  context: CommandContext,
  { token, expiresAt }: { token?: string | undefined; expiresAt: string },
): Promise<void> {
  if (token === undefined || options.server === undefined) throw new KuvertError('internal');
  await writeSession(sessionFile(options, context), { server: options.server, token, expiresAt });
}

async function keepDevice(
  { server, ...options }: ComeIn,
  context: CommandContext,
  { mail, deviceToken }: { readonly mail: string; readonly deviceToken: string | undefined },
): Promise<void> {
  if (deviceToken === undefined || server === undefined) return;
  await keepDeviceToken(sessionFile(options, context), { server, mail }, deviceToken);
}
