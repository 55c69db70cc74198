/** `kuvert operator …`: calls to the server on this machine, with the operator key. */
import { resolve } from 'node:path';
import { type DeviceId, ID_TYPES, type IdType, isId, type PersonId, type TenantId } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand } from '../command-context.ts';
import { UsageError } from '../failure.ts';
import { findServer, type OperatorClient } from '../operator-client.ts';
import { showLine } from '../terminal-text.ts';

interface DataOption {
  readonly data?: string;
}

const AFTER_HELP = `
The running server is found through its data folder (--data, else KUVERT_DATA,
else ./data); the operator key is in KUVERT_KEYS (else ./keys).

Examples:
  kuvert operator tenant create --name Acme
  kuvert operator person add --tenant tn_… --name Anna --mail anna@acme.test
  kuvert operator token create --person pe_…
  kuvert operator person reset --person pe_…
  kuvert operator device revoke --device de_…
  kuvert operator keys rotate
  kuvert operator invite --role tenant-admin --tenant tn_… --mail anna@acme.test`;

interface InviteOptions {
  readonly role: 'operator';
  readonly mail: string;
  readonly tenant?: string;
  readonly liftSignInRules?: boolean;
}

/** @see buildProgram */
export function addOperator(program: Command, context: CommandContext): void {
  const operator = program
    .command('operator')
    .description(
      'break-glass on the server’s machine, with the operator key; each call stands in the audit log',
    )
    .helpCommand(false)
    .addHelpText('after', AFTER_HELP);
  const find = (options: DataOption): Promise<OperatorClient> =>
    findServer({
      dataDir: options.data === undefined ? context.settings.dataDir : resolve(options.data),
      keysDir: context.settings.keysDir,
    });
  const add = (parent: Command, name: string, about: string): Command =>
    parent.command(name).description(about).option('--data <folder>', "the server's data folder");

  const group = (name: string, about: string): Command =>
    operator.command(name).description(about).helpCommand(false).addHelpText('after', AFTER_HELP);

  const tenant = group('tenant', 'organisations');
  finishCommand(
    add(tenant, 'create', 'make a tenant with its root and authority keys')
      .requiredOption('--name <name>', 'its name')
      .action(async (options: DataOption & { name: string }) => {
        const result = await (await find(options)).call('tenantCreate', { name: options.name });
        const { output } = context;
        await output.result(result, () =>
          output.texts.tenantCreated(showLine(options.name.trim()), result.tenantId),
        );
      }),
    ['kuvert operator tenant create --data data --name Acme'],
  );

  finishCommand(
    add(operator, 'invite', 'lost access: invite an administrator past the API; the audit log says so')
      .requiredOption('--role <role>', 'operator, tenant-admin, help-desk or auditor')
      .requiredOption('--mail <mail>', 'for whom it is')
      .option('--tenant <id>', 'the tenant (tn_…); left out for operator', idOf('tenant'))
      .option('--lift-sign-in-rules', 'also take back allowed networks and "passkeys only" there')
      .action(async (options: DataOption & InviteOptions) => {
        const { role, mail, tenant: tenantId, liftSignInRules = false } = options;
        const params = {
          role,
          mail,
          liftSignInRules,
          ...(tenantId === undefined ? {} : { tenantId: tenantId as TenantId }),
        };
        const result = await (await find(options)).call('administratorInvite', params);
        const { output } = context;
        await output.result(result, () =>
          output.texts.administratorInvited(showLine(result.code), result.expiresAt),
        );
      }),
    [
      'kuvert operator invite --role tenant-admin --tenant tn_… --mail anna@acme.test',
      'kuvert operator invite --role operator --mail otto@acme.test',
    ],
  );

  const person = group('person', 'people of a tenant');
  finishCommand(
    add(person, 'add', 'add a person')
      .requiredOption('--tenant <id>', 'the tenant (tn_…)', idOf('tenant'))
      .requiredOption('--name <name>', "the person's name")
      .requiredOption('--mail <mail>', "the person's mail address, unique in the tenant")
      .action(async (options: DataOption & { tenant: string; name: string; mail: string }) => {
        const { tenant: tenantId, name, mail } = options;
        const params = { tenantId: tenantId as TenantId, name, mail };
        const result = await (await find(options)).call('personAdd', params);
        const { output } = context;
        await output.result(result, () => output.texts.personAdded(showLine(name.trim()), result.personId));
      }),
    ['kuvert operator person add --tenant tn_… --name Anna --mail anna@acme.test'],
  );

  finishCommand(
    add(person, 'reset', 'let somebody who has lost all devices that may sign begin anew, with one token')
      .requiredOption('--person <id>', 'the person (pe_…)', idOf('person'))
      .action(async (options: DataOption & { person: string }) => {
        const { token: text, expiresAt } = await (await find(options)).call('personReset', {
          personId: options.person as PersonId,
        });
        const { output } = context;
        await output.result({ token: text }, () => output.texts.personReset(showLine(text), expiresAt));
      }),
    ['kuvert operator person reset --person pe_… --json'],
  );

  finishCommand(
    add(person, 'why', 'may one person see another, and why')
      .requiredOption('--person <id>', 'who looks (pe_…)', idOf('person'))
      .requiredOption('--sees <id>', 'whom (pe_…)', idOf('person'))
      .action(async (options: DataOption & { person: string; sees: string }) => {
        const { output } = context;
        const answer = await (await find(options)).call('exchangeWhy', {
          from: options.person as PersonId,
          to: options.sees as PersonId,
        });
        await output.result(answer, () => output.texts.exchange(answer.may, answer.reason));
      }),
    ['kuvert operator person why --person pe_… --sees pe_…'],
  );

  const token = group('token', 'enrolment tokens');
  finishCommand(
    add(token, 'create', 'make a token with which one device can enrol, once')
      .requiredOption('--person <id>', 'the person (pe_…)', idOf('person'))
      .action(async (options: DataOption & { person: string }) => {
        const { token: text, expiresAt } = await (await find(options)).call('tokenCreate', {
          personId: options.person as PersonId,
        });
        const { output } = context;
        await output.result({ token: text }, () => output.texts.tokenCreated(showLine(text), expiresAt));
      }),
    ['kuvert operator token create --person pe_… --json'],
  );

  const device = group('device', 'devices of people');
  finishCommand(
    add(device, 'revoke', 'lock a device out, at once and for good')
      .requiredOption('--device <id>', 'the device (de_…)', idOf('device'))
      .action(async (options: DataOption & { device: string }) => {
        const deviceId = options.device as DeviceId;
        await (await find(options)).call('deviceRevoke', { deviceId });
        const { output } = context;
        await output.result({ deviceId }, () => output.texts.deviceRevoked(deviceId));
      }),
    ['kuvert operator device revoke --device de_…'],
  );

  const keys = group('keys', "the server's own keys");
  finishCommand(
    add(keys, 'rotate', 'make a new key-encryption key and wrap all data keys with it').action(
      async (options: DataOption) => {
        const result = await (await find(options)).call('keysRotate', {});
        const { output } = context;
        await output.result(result, () => output.texts.keysRotated(showLine(result.keyId), result.rewrapped));
      },
    ),
    ['kuvert operator keys rotate --data data'],
  );
}

/** Reads an id of this type, so that a wrong one is told by its option and not by the server as a request of the wrong form. */
function idOf(type: IdType): (text: string) => string {
  const { prefix } = ID_TYPES[type];
  return (text) => {
    if (isId(type, text)) return text;
    throw new UsageError({
      en: `“${showLine(text)}” is not an id of the form ${prefix}_…, or a character of it is wrong; see --help.`,
      de: `„${showLine(text)}“ ist keine Kennung der Form ${prefix}_…, oder ein Zeichen darin ist falsch; siehe --help.`,
    });
  };
}
