/** How a command of `kuvert admin` reaches the server: as who is signed in, or as a program with a key. */
import { KuvertError } from '@kuvert/protocol';
import {
  AdminClient,
  type AdminInput,
  type AdminOperationId,
  type AdminOutput,
} from '@kuvert/protocol/admin';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { checkServerUrl, UsageError } from '../failure.ts';
import { stepUp } from './browser-passkey.ts';
import type { Prompts } from './prompts.ts';
import { readKeyFile, readSession } from './session-file.ts';

const TIME_LIMIT_MS = 60_000;

/** Options that every command of `kuvert admin` has. */
export interface AdminOptions {
  readonly server?: string;
  readonly sessionFile?: string;
  readonly keyFile?: string;
}

/** Adds them. */
export function adminOptions(command: Command): Command {
  return command
    .option('--server <url>', 'the server; where one is signed in if not given')
    .option('--session-file <file>', 'the file that keeps the session (KUVERT_ADMIN_SESSION)');
}

/** Where the session is kept. */
export function sessionFile(options: AdminOptions, context: CommandContext): string {
  return options.sessionFile ?? context.settings.adminSession;
}

/** A client that nobody has signed in with. @throws UsageError, KuvertError `plain_http_refused` */
export function openClient(server: string | undefined, context: CommandContext): AdminClient {
  if (server === undefined) {
    throw new UsageError({
      en: 'Say with --server which server, such as https://kuvert.acme.test.',
      de: 'Bitte mit --server angeben, welcher Server, etwa https://kuvert.acme.test.',
    });
  }
  checkServerUrl(server);
  const { protocol, hostname } = new URL(server);
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  // A password and a token would go through the network in clear.
  if (protocol === 'http:' && !isHere) throw new KuvertError('plain_http_refused');
  return new AdminClient({
    url: server,
    language: context.output.language,
    fetch: (url, init) => fetch(url, { ...init, signal: AbortSignal.timeout(TIME_LIMIT_MS) }),
  });
}

/** A client as who is signed in. @throws KuvertError `not_signed_in` when nobody is */
export async function signedInClient(options: AdminOptions, context: CommandContext): Promise<AdminClient> {
  if (options.keyFile !== undefined) {
    return openClient(options.server, context).as(await readKeyFile(options.keyFile));
  }
  const session = await readSession(sessionFile(options, context));
  // A token is for the server that gave it and never sent to another.
  if (options.server !== undefined && new URL(options.server).origin !== new URL(session.server).origin)
    throw new KuvertError('not_signed_in');
  return openClient(session.server, context).as(session.token);
}

/** Calls, and shows a second factor when that is asked for. @throws KuvertError `not_signed_in` when the session has ended */
export async function callWithStepUp<Id extends AdminOperationId>(
  client: AdminClient,
  id: Id,
  input: AdminInput<Id>,
  context: CommandContext,
  prompts: Prompts,
): Promise<AdminOutput<Id>> {
  try {
    return await client.call(id, input);
  } catch (error) {
    if (!(error instanceof KuvertError)) throw error;
    // The session has ended meanwhile.
    if (error.code === 'unauthenticated') throw new KuvertError('not_signed_in', { cause: error });
    if (error.code !== 'step_up_required') throw error;
    try {
      await stepUp(client, context, prompts);
    } catch (failure) {
      // Nobody there to ask: what the server said is what has to be told.
      throw failure instanceof UsageError ? error : failure;
    }
    return client.call(id, input);
  }
}
