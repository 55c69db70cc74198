/**
 * A command for each operation of the administration API, made from the table: `people.list` is `kuvert admin people list`, a field of parameters, query or body is
 * an option, and what the server will be asked is checked by the same schemas before it is sent.
 */
import { randomUUID } from 'node:crypto';
import {
  ADMIN_OPERATIONS,
  type AdminClient,
  type AdminInput,
  type AdminOperation,
  type AdminOperationId,
} from '@kuvert/protocol/admin';
import type { Command } from 'commander';
import type { z } from 'zod';
import { type CommandContext, finishCommand } from '../command-context.ts';
import type { Language } from '../config.ts';
import { UsageError } from '../failure.ts';
import { adminTextsIn, fieldName } from './admin-texts.ts';
import { type AdminOptions, adminOptions, callWithStepUp, signedInClient } from './connection.ts';
import { type Prompts, withPrompts } from './prompts.ts';
import { SAVED_FIELDS, saveAnswer } from './saving.ts';
import { rowLine, thingLines } from './show.ts';

/** What has a command of its own, with questions. */
const OTHERWISE: readonly AdminOperationId[] = [
  'invitations.open',
  'invitations.accept',
  'sessions.create',
  'sessions.step-up',
  'browser-sign-in.begin',
  'browser-sign-in.finish',
  'browser-step-up.begin',
  'browser-step-up.finish',
  'browser-page.open',
  'browser-page.answer',
  'passkeys.add-in-browser',
  'invitations.check-password',
  'password.check',
  'password.change',
  'authenticator.begin',
  'authenticator.change',
  'recovery-codes.renew',
];

/** What is asked for, because other users of a machine see the options of a command. */
const SECRETS = /^(?:code|totp|password|deviceToken|\w+Password)$/;

type Part = 'params' | 'query' | 'body';
type Options = AdminOptions & {
  readonly [option: string]: unknown;
  readonly ifMatch?: string;
  readonly idempotencyKey?: string;
  readonly save?: string;
};

interface Field {
  readonly part: Part;
  readonly name: string;
  /** As commander knows it: `--valid-days`. */
  readonly flag: string;
  /** As commander gives it back: `validDays`. */
  readonly key: string;
  readonly kind: 'text' | 'number' | 'flag' | 'list' | 'json';
  readonly isRequired: boolean;
  /** `none` stands for nothing, and `--no-…` for false, where both can be said. */
  readonly isNullable: boolean;
  readonly canBeNo: boolean;
  readonly about: string;
  readonly isSecret: boolean;
  readonly choices: readonly string[];
}

/** @see addAdmin */
export function addOperations(admin: Command, context: CommandContext): void {
  const groups = new Map<string, Command>();
  for (const id of Object.keys(ADMIN_OPERATIONS) as AdminOperationId[]) {
    if (OTHERWISE.includes(id)) continue;
    const [group = '', verb] = id.split('.');
    let parent = admin;
    if (verb !== undefined) {
      parent =
        groups.get(group) ?? admin.command(group).description(`operations on ${group}`).helpCommand(false);
      groups.set(group, parent);
    }
    addOperation(parent.command(verb ?? group), id, context);
  }
}

function addOperation(command: Command, id: AdminOperationId, context: CommandContext): void {
  const one: AdminOperation = ADMIN_OPERATIONS[id];
  const fields = fieldsOf(one);
  command.description(one.summary);
  for (const field of fields) {
    const { flag, kind, isRequired, choices, isSecret, isNullable, canBeNo } = field;
    if (isSecret) continue;
    const about = [
      field.about,
      choices.join(', '),
      isNullable && kind !== 'json' ? 'none for nothing' : '',
      kind === 'json' ? 'as JSON' : '',
    ]
      .filter((text) => text !== '')
      .join('; ');
    const flags = kind === 'flag' ? flag : `${flag} <${kind === 'list' ? 'a,b' : kind}>`;
    if (isRequired && kind !== 'flag') command.requiredOption(flags, about);
    else command.option(flags, about);
    if (canBeNo) command.option(flag.replace('--', '--no-'), 'the opposite');
  }
  if (one.idempotent) command.option('--idempotency-key <key>', 'the same for each attempt at one creation');
  if (one.versioned && one.method !== 'GET')
    command.option(
      '--if-match <etag>',
      'refuse when it is not what you have read; otherwise the present one is changed',
    );
  if (SAVED_FIELDS[id] !== undefined)
    command.option(
      '--save <file>',
      'write what `kuvert verify` checks into this file; a long export into several',
    );
  adminOptions(command)
    .option('--key-file <file>', 'the key of a program, in the place of a session; with --server')
    .action((options: Options) =>
      withPrompts(context, (prompts) => run(id, { fields, options }, context, prompts)),
    );
  const example = exampleOf(id, one, fields);
  finishCommand(command, SAVED_FIELDS[id] === undefined ? [example] : [example, savingExampleOf(id, one)]);
}

async function run(
  id: AdminOperationId,
  { fields, options }: { readonly fields: readonly Field[]; readonly options: Options },
  context: CommandContext,
  prompts: Prompts,
): Promise<void> {
  const one: AdminOperation = ADMIN_OPERATIONS[id];
  const given = await withSecrets(fields, options, { prompts, language: context.output.language });
  const input = readInput(one, fields, given);
  const client = await signedInClient(options, context);
  const ifMatch = await versionFor(one, options, { client, input });
  const key = one.idempotent ? { idempotencyKey: options.idempotencyKey ?? randomUUID() } : {};
  const call = { ...input, ...key, ...(ifMatch === undefined ? {} : { ifMatch }) };
  const list = listField(one);
  if (list !== undefined)
    return showList(id, { list, call, isOnePage: options.limit !== undefined }, { client, prompts }, context);
  const { result, waiting, etag } = await callWithStepUp(
    client,
    id,
    call as AdminInput<typeof id>,
    context,
    prompts,
  );
  const { output } = context;
  const texts = adminTextsIn(output.language);
  if (waiting !== undefined) {
    await output.result({ waiting }, () => texts.waiting(waiting.approvalId, waiting.expiresAt));
    return;
  }
  const field = SAVED_FIELDS[id];
  const shown =
    field === undefined || options.save === undefined || result === undefined
      ? result
      : await saveAnswer(result, {
          field,
          path: options.save,
          more: isPart(options)
            ? undefined
            : async (start) => {
                const next = { ...call, query: { ...call.query, start } };
                return (await callWithStepUp(client, id, next as never, context, prompts)).result as object;
              },
        });
  const thing = { ...((shown as object | undefined) ?? { state: 'done' }), ...(etag && { etag }) };
  await output.result(thing, () => (result === undefined ? texts.done : thingLines(thing, output.language)));
}

/** Whether one part of an export was asked for, and not all of it. */
function isPart({ start, limit }: Options): boolean {
  return start !== undefined || limit !== undefined;
}

/** The options with what is never an option. */
async function withSecrets(
  fields: readonly Field[],
  options: Options,
  { prompts, language }: { readonly prompts: Prompts; readonly language: Language },
): Promise<Options> {
  const secrets = fields.filter(({ isSecret, isRequired }) => isSecret && isRequired);
  if (secrets.length === 0) return options;
  const given: Record<string, unknown> = { ...options };
  for (const { key, name } of secrets) given[key] = await prompts.askSecret(fieldName(name, language));
  return given as Options;
}

/** All pages, or the one that was asked for. */
async function showList(
  id: AdminOperationId,
  asked: { readonly list: string; readonly call: object; readonly isOnePage: boolean },
  { client, prompts }: { readonly client: AdminClient; readonly prompts: Prompts },
  context: CommandContext,
): Promise<void> {
  const { output } = context;
  const texts = adminTextsIn(output.language);
  let call = asked.call as { query?: Record<string, unknown> };
  let count = 0;
  for (;;) {
    const { result } = await callWithStepUp(client, id, call as never, context, prompts);
    const { [asked.list]: rows, next } = result as unknown as { [name: string]: object[] } & {
      next?: string | null;
    };
    for (const row of rows ?? []) await output.result(row, () => rowLine(row, output.language));
    count += rows?.length ?? 0;
    if (next === undefined || next === null) break;
    if (asked.isOnePage) return output.notice('more', texts.more(next), { cursor: next });
    call = { ...call, query: { ...call.query, cursor: next } };
  }
  if (count === 0 && !output.json) await output.progress(texts.nothing);
}

/** The version that a change is based on: what was given, or what is there now. */
async function versionFor(
  one: AdminOperation,
  { ifMatch }: Options,
  { client, input }: { readonly client: AdminClient; readonly input: { readonly params?: object } },
): Promise<string | undefined> {
  if (!one.versioned || one.method === 'GET' || ifMatch !== undefined) return ifMatch;
  const reader = (Object.entries(ADMIN_OPERATIONS) as [AdminOperationId, AdminOperation][]).find(
    ([, other]) => other.method === 'GET' && other.path === one.path,
  );
  if (reader === undefined) return undefined;
  return (await client.call(reader[0], { params: input.params } as never)).etag;
}

/** @throws UsageError for a value that does not fit */
function readInput(one: AdminOperation, fields: readonly Field[], options: Options) {
  const given: Record<Part, Record<string, unknown>> = { params: {}, query: {}, body: {} };
  for (const field of fields) {
    const value = options[field.key];
    if (value !== undefined) given[field.part][field.name] = readValue(field, value);
  }
  for (const part of ['params', 'query', 'body'] as const) {
    const result = one[part]?.safeParse(given[part]);
    if (result?.success === false) {
      const name = String(result.error.issues[0]?.path[0] ?? '');
      throw wrongOption(
        fields.find((field) => field.part === part && field.name === name)?.flag ?? `--${name}`,
      );
    }
  }
  const { params, query, body } = given;
  return { params, query, ...(one.body === undefined ? {} : { body }) } as {
    params: Record<string, string>;
    query: Record<string, string>;
  };
}

function readValue({ kind, flag, isNullable }: Field, value: unknown): unknown {
  if (isNullable && value === 'none') return null;
  if (kind === 'flag') return value === true;
  if (kind === 'number') return Number(value);
  if (kind === 'list') return String(value).split(',');
  if (kind === 'text') return value;
  try {
    return JSON.parse(String(value));
  } catch {
    throw wrongOption(flag);
  }
}

function wrongOption(flag: string): UsageError {
  return new UsageError({
    en: `The value of ${flag} does not fit; see --help.`,
    de: `Der Wert von ${flag} passt nicht; siehe --help.`,
  });
}

function fieldsOf(one: AdminOperation): Field[] {
  return (['params', 'query', 'body'] as const).flatMap((part) =>
    Object.entries(one[part]?.shape ?? {}).map(([name, schema]) => {
      const short = name.replace(/Id$/, '');
      const inner = unwrap(schema as z.ZodType);
      return {
        part,
        name,
        flag: `--${short.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
        key: short,
        kind: kindOf(inner),
        isSecret: part === 'body' && SECRETS.test(name),
        isRequired: !(schema as z.ZodType).safeParse(undefined).success,
        isNullable: (schema as z.ZodType).safeParse(null).success,
        canBeNo: kindOf(inner) === 'flag' && (schema as z.ZodType).safeParse(undefined).data === undefined,
        about: descriptionOf(schema as z.ZodType) || commonWordsFor(name),
        choices: Object.values((inner as { entries?: Record<string, string> }).entries ?? {}),
      };
    }),
  );
}

/** Fields that stand in many operations and need no words of their own in the table. */
const COMMON_WORDS: Readonly<Record<string, string>> = {
  limit: 'rows of one page; all pages if not given',
  cursor: 'goes on where a page has ended',
  q: 'words to look for',
  mail: 'mail address',
};

function commonWordsFor(name: string): string {
  if (!name.endsWith('Id')) return COMMON_WORDS[name] ?? '';
  return `id of the ${name.slice(0, -2).replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`;
}

/** What a schema says of itself, under what was put around it. */
function descriptionOf(schema: z.ZodType): string {
  const { innerType } = schema.def as { innerType?: z.ZodType };
  return schema.description ?? (innerType === undefined ? '' : descriptionOf(innerType));
}

interface Definition {
  readonly type: string;
  readonly innerType?: Schema;
  readonly in?: Schema;
}
interface Schema {
  readonly _zod: { readonly def: unknown };
  readonly entries?: Readonly<Record<string, string>>;
}

function unwrap(schema: Schema): Schema & { readonly type: string } {
  const definition = schema._zod.def as Definition;
  const inner = definition.innerType ?? definition.in;
  if (inner !== undefined && ['optional', 'nullable', 'default', 'pipe'].includes(definition.type))
    return unwrap(inner);
  const { entries } = definition as { entries?: Record<string, string> };
  return { ...schema, _zod: schema._zod, type: definition.type, ...(entries && { entries }) };
}

function kindOf({ type }: { readonly type: string }): Field['kind'] {
  if (type === 'boolean') return 'flag';
  if (type === 'number') return 'number';
  if (type === 'array') return 'list';
  return type === 'object' || type === 'union' || type === 'record' ? 'json' : 'text';
}

/** The field that holds the rows, of an answer that is a list. */
function listField(one: AdminOperation): string | undefined {
  const names = Object.keys(one.result?.shape ?? {}).filter((name) => name !== 'next');
  const [name] = names;
  const schema = name === undefined ? undefined : (one.result?.shape[name] as Schema | undefined);
  return one.method === 'GET' && names.length === 1 && schema !== undefined && unwrap(schema).type === 'array'
    ? name
    : undefined;
}

function exampleOf(id: AdminOperationId, one: AdminOperation, fields: readonly Field[]): string {
  const { params = {}, query = {}, body = {} } = one.example;
  const given: Record<string, unknown> = { ...params, ...query, ...body };
  const words = fields
    .filter(({ name, isSecret }) => !isSecret && given[name] !== undefined)
    .map(
      ({ flag, name, kind }) =>
        `${flag} ${quoted(kind === 'list' ? (given[name] as string[]).join(',') : given[name])}`,
    );
  return ['kuvert admin', ...id.split('.'), ...words].join(' ');
}

function savingExampleOf(id: AdminOperationId, { params }: AdminOperation): string {
  const where = 'tenantId' in params.shape ? ' --tenant tn_…' : '';
  const entry = 'auditEntryId' in params.shape ? ' --audit-entry au_…' : '';
  const file = SAVED_FIELDS[id] === 'checkpoint' ? 'checkpoint.txt' : 'audit.json';
  return `kuvert admin ${id.replace('.', ' ')}${where}${entry} --save ${file}`;
}

function quoted(value: unknown): string {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /^[\w@.…,:-]+$/u.test(text) ? text : `'${text}'`;
}
