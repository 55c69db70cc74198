/** Passkeys from a terminal: a terminal cannot speak WebAuthn, so it prints the address of a page, and whoever sits there brings back what the page shows. */
import { KuvertError } from '@kuvert/protocol';
import type { AdminClient } from '@kuvert/protocol/admin';
import type { CommandContext } from '../command-context.ts';
import { qrPicture } from '../qr-picture.ts';
import { adminTextsIn } from './admin-texts.ts';
import type { Prompts } from './prompts.ts';

/** How often the answer may be typed wrongly before one begins anew. */
const ANSWER_TRIES = 3;
const THIS_MACHINE = ['127.0.0.1', '[::1]'];

interface Begun {
  readonly code: string;
  readonly page: string;
  readonly expiresAt: string;
}

/** Shows a second factor again: digits, or a passkey where nothing else counts or no digits are typed. @throws KuvertError `passkey_required` for who has none */
export async function stepUp(
  client: AdminClient,
  context: CommandContext,
  prompts: Prompts,
): Promise<{ until: string }> {
  const texts = adminTextsIn(context.output.language);
  const { passkeys, passkeysOnly } = (await client.call('me')).result;
  if (!passkeysOnly) {
    const totp =
      passkeys === 0
        ? await prompts.askDigits(texts.stepUp)
        : await prompts.askDigitsOrNothing(texts.stepUpOrPasskey);
    if (totp !== '') return (await client.call('sessions.step-up', { body: { totp } })).result;
  } else if (passkeys === 0) throw new KuvertError('passkey_required');
  const begun = (await client.call('browser-step-up.begin')).result;
  return finishInBrowser(
    { client, begun, context, prompts },
    async (body) => (await client.call('browser-step-up.finish', { body })).result,
  );
}

/** Signs in with a passkey that is shown in a browser. */
export async function signInInBrowser(
  client: AdminClient,
  context: CommandContext,
  prompts: Prompts,
): Promise<{ token: string; expiresAt: string }> {
  const begun = (await client.call('browser-sign-in.begin')).result;
  return finishInBrowser(
    { client, begun, context, prompts },
    async (body) => (await client.call('browser-sign-in.finish', { body })).result,
  );
}

/** Prints where to go on. */
export async function showPage(client: AdminClient, begun: Begun, { output }: CommandContext): Promise<void> {
  const base = new URL(client.url);
  // Browsers have passkeys for names only.
  if (THIS_MACHINE.includes(base.hostname)) base.hostname = 'localhost';
  const { href, hostname } = new URL(begun.page, base);
  // Another device, such as a telephone with the passkey, reaches what has a name of its own.
  const picture = output.json || hostname === 'localhost' ? '' : `\n${qrPicture(href, output)}`;
  const { expiresAt } = begun;
  const text = `${adminTextsIn(output.language).openPage(href, expiresAt)}${picture}`;
  await output.notice('open-in-browser', text, { page: href, expiresAt });
}

async function finishInBrowser<T>(
  asked: {
    readonly client: AdminClient;
    readonly begun: Begun;
    readonly context: CommandContext;
    readonly prompts: Prompts;
  },
  finish: (body: { readonly code: string; readonly answer: string }) => Promise<T>,
): Promise<T> {
  const { client, begun, context, prompts } = asked;
  await showPage(client, begun, context);
  for (let tries = 1; ; tries++) {
    const answer = await prompts.ask(adminTextsIn(context.output.language).pageAnswer);
    if (answer === '') continue;
    try {
      return await finish({ code: begun.code, answer });
    } catch (error) {
      const isSlip = error instanceof KuvertError && error.code === 'sign_in_failed';
      if (!isSlip || tries === ANSWER_TRIES) throw error;
    }
  }
}
