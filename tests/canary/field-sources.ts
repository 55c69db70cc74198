/**
 * Every field of the product, found in the product itself: the schemas of the contract, what the store of a running server can hold, its
 * routes, log, metrics and settings. Nobody has to keep this up to date; the list that is compared with it is docs/fields.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as protocol from '@kuvert/protocol';
import { ADMIN_OPERATIONS, type AdminOperation } from '@kuvert/protocol/admin';
import { createLog, readConfig } from '@kuvert/server';
import { PROJECT_ROOT, type TestInstallation } from '@kuvert/testkit';
import { leavesOf, type Schema } from './field-walk.ts';

/** A field as it was found. */
export interface FoundField {
  /** Unique, for example `call people.find: mail`. */
  readonly name: string;
  readonly kind: string;
  /** What follows for its class from where it stands; undefined where somebody has to decide. */
  readonly must: FieldClass | undefined;
}

/** How far a field is hidden; docs/fields.md says what each means. */
export type FieldClass = 'end-to-end' | 'sealed' | 'blind' | 'clear';
export const FIELD_CLASSES: readonly FieldClass[] = ['end-to-end', 'sealed', 'blind', 'clear'];

/** Everything that has fields, in the order of docs/fields.md. */
export function findFields(installation: TestInstallation): FoundField[] {
  return [
    ...contents(),
    ...records(),
    ...shapes(),
    ...methods(),
    ...operatorCalls(),
    ...adminOperations(),
    ...routes(installation),
    ...stored(installation),
    ...logged(),
    ...measured(installation),
    ...settings(),
  ];
}

/** Objects that the contract exports; where one stands inside another it is named and not taken apart again. */
const SHAPES: ReadonlyMap<unknown, string> = new Map(
  Object.entries(protocol).flatMap(([name, value]) => (isSchema(value) ? [[value, name] as const] : [])),
);

function isSchema(value: unknown): value is Schema {
  const type = (value as { _zod?: { def?: { type?: string } } } | null)?._zod?.def?.type;
  return type === 'object' || type === 'union';
}

function fieldsOf(what: string, schema: Schema, must?: FieldClass): FoundField[] {
  return leavesOf(schema, SHAPES).map(({ path, kind }) => ({
    name: `${what}: ${path.replace(/^\./, '') || 'all of it'}`,
    kind,
    must,
  }));
}

/** What people and clients say to each other. All of it is inside the sealed frame. */
function contents(): FoundField[] {
  return protocol.CONTENT_SCHEMAS.flatMap((schema) =>
    fieldsOf(`content ${String(schema.shape.kind.value)}`, schema, 'end-to-end'),
  ).filter(isDecided);
}

/** Records of fixed layout. The samples are complete, or the type checker says so. */
function records(): FoundField[] {
  const device = protocol.idFromBytes('device', Uint8Array.of(3, ...new Uint8Array(16)));
  const bytes = Uint8Array.of(1);
  const submit: Required<protocol.Submit> = {
    requestNo: 1,
    submitId: protocol.makeSubmitId(1, new Uint8Array(10)),
    to: protocol.makeId('person', new Uint8Array(16)),
    listHash: new Uint8Array(32),
    suite: protocol.SUITES.signalPairwise,
    class: protocol.CLASSES.message,
    urgency: 1,
    lifetime: 1,
    legs: [{ device, bytes } satisfies Required<protocol.Leg>],
    body: bytes,
  };
  const delivery: Required<protocol.Delivery> = {
    deliverySeq: 1,
    acceptedAtMs: 1,
    expiresAtMs: 1,
    suite: 1,
    class: protocol.CLASSES.message,
    leg: bytes,
    body: bytes,
  };
  const answer = { requestNo: 1, acceptedAtMs: 1, legs: [{ device, outcome: 'stored' as const }] };
  const decoded = protocol.decodeSubmit(protocol.encodeSubmit(submit));
  return [
    // The id is no field of it, because it becomes text only for who asks.
    ...sampleFields('record submit', { ...decoded, submitId: decoded.submitId }),
    ...sampleFields('record submit answer', protocol.decodeSubmitAnswer(protocol.encodeSubmitAnswer(answer))),
    ...sampleFields('record deliver', protocol.decodeDelivery(protocol.encodeDelivery(delivery))),
  ];
}

function sampleFields(what: string, sample: unknown, path = ''): FoundField[] {
  if (sample instanceof Uint8Array) return [{ name: `${what}: ${path}`, kind: 'bytes', must: undefined }];
  if (Array.isArray(sample)) return sampleFields(what, sample[0], `${path}[]`);
  if (typeof sample === 'object' && sample !== null)
    return Object.entries(sample).flatMap(([name, value]) =>
      sampleFields(what, value, path === '' ? name : `${path}.${name}`),
    );
  const isId = typeof sample === 'string' && /^[a-z]{2}_[0-9a-z]{29}$/.test(sample);
  const kind = isId ? 'id' : typeof sample === 'string' ? 'choice' : 'number';
  return [{ name: `${what}: ${path}`, kind, must: undefined }];
}

/** What stands in messages of the device channel, in signed statements and in answers; what stands in content alone is sealed with it. */
function shapes(): FoundField[] {
  const kinds = new Set<unknown>(protocol.CONTENT_SCHEMAS);
  const inContent = namesIn(protocol.CONTENT_SCHEMAS);
  const outside = namesIn([
    ...Object.values(protocol.METHODS).flatMap(({ params, result }) => [params, result]),
    ...Object.values(protocol.operatorCalls).flatMap(({ params, result }) => [params, result]),
    ...Object.values(protocol.EVENTS),
  ]);
  return [...SHAPES]
    .filter(([schema]) => !kinds.has(schema))
    .flatMap(([schema, name]) => {
      const isContent = inContent.has(name) && !outside.has(name);
      return fieldsOf(`shape ${name}`, schema as Schema, isContent ? 'end-to-end' : undefined);
    })
    .filter(isDecided);
}

/** Names of the shapes that stand in some schemas, at any depth. */
function namesIn(schemas: readonly Schema[]): Set<string> {
  const names = new Set<string>();
  const schemaOf = new Map([...SHAPES].map(([schema, name]) => [name, schema as Schema]));
  const look = (schema: Schema): void => {
    for (const { kind } of leavesOf(schema, SHAPES)) {
      const inner = schemaOf.get(kind);
      if (inner === undefined || names.has(kind)) continue;
      names.add(kind);
      look(inner);
    }
  };
  for (const schema of schemas) look(schema);
  return names;
}

function methods(): FoundField[] {
  const events = Object.entries(protocol.EVENTS).flatMap(([name, schema]) =>
    SHAPES.has(schema) ? [] : fieldsOf(`event ${name}`, schema),
  );
  const calls = Object.values(protocol.METHODS).flatMap(({ name, params, result }) => [
    ...fieldsOf(`call ${name}`, params),
    ...fieldsOf(`answer ${name}`, result),
  ]);
  return [...calls, ...events].filter(isDecided);
}

function operatorCalls(): FoundField[] {
  return Object.entries(protocol.operatorCalls)
    .flatMap(([name, { params, result }]) => [
      ...fieldsOf(`operator ${name}`, params),
      ...fieldsOf(`operator answer ${name}`, result),
    ])
    .filter(isDecided);
}

/** The administration API. */
function adminOperations(): FoundField[] {
  return Object.entries<AdminOperation>(ADMIN_OPERATIONS)
    .flatMap(([id, { params, query, body, result }]) => [
      ...[params, query, body].flatMap((part) => (part === undefined ? [] : fieldsOf(`admin ${id}`, part))),
      ...(result === undefined ? [] : fieldsOf(`admin answer ${id}`, result)),
    ])
    .filter(isDecided);
}

/** A shape inside another is decided where it is listed. */
function isDecided({ kind }: FoundField): boolean {
  return ![...SHAPES.values()].includes(kind);
}

/** Routes with their parameters, and the headers that our code reads. */
function routes({ server }: TestInstallation): FoundField[] {
  const paths = (['public', 'ops'] as const).flatMap((listener) =>
    server.routes[listener]
      .filter(({ method }) => method !== 'HEAD')
      .map(({ method, path }) => `route ${listener}: ${method} ${path}`),
  );
  const headers = new Set(Object.values<string>(protocol.OPERATOR_HEADERS));
  for (const text of serverSources()) {
    for (const [, dotted, quoted] of text.matchAll(/\bheaders(?:\.([a-z]+)\b(?!')|\[['"]([a-z-]+)['"]\])/g))
      headers.add(dotted ?? quoted ?? '');
    for (const [, names = ''] of text.matchAll(/\{([^{}]*)\} = [a-z.]*headers\b/g))
      for (const name of names.split(',')) headers.add((name.split(':')[0] ?? '').trim().replaceAll("'", ''));
  }
  return [
    ...[...paths, `route public: upgrade ${protocol.CHANNEL_PATH}`].map((name) => ({
      name,
      kind: 'any',
      must: undefined,
    })),
    ...[...headers].sort().map((name) => ({ name: `header: ${name}`, kind: 'text', must: undefined })),
  ];
}

function serverSources(): string[] {
  const folder = join(PROJECT_ROOT, 'apps', 'server', 'src');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => readFileSync(join(folder, path), 'utf8'));
}

/** Whatever the store of a running server can hold. Its declaration decides what is sealed and what is blind. */
function stored({ server }: TestInstallation): FoundField[] {
  return server.context.store.collections.flatMap((one) => {
    const what = `stored ${one.name}`;
    if (one.kind === 'bytes') {
      const parts = (one as unknown as { parts: readonly unknown[] }).parts.length;
      const keys = Array.from({ length: parts }, (_, i) => `key ${i + 1}`);
      return [...keys, 'value'].map((name) => ({ name: `${what}: ${name}`, kind: 'bytes', must: undefined }));
    }
    const { schema, sealedFields, indexList } = one as unknown as {
      schema: Schema;
      sealedFields: ReadonlyMap<string, unknown>;
      indexList: readonly { name: string; blind: unknown }[];
    };
    const isSealed = (name: string) => sealedFields.has(/^[a-zA-Z0-9]+/.exec(name)?.[0] ?? '');
    return [
      ...leavesOf(schema, SHAPES).map(({ path, kind }) => ({
        name: `${what}: ${path.slice(1)}`,
        kind,
        must: isSealed(path.slice(1)) ? ('sealed' as const) : undefined,
      })),
      ...indexList
        .filter(({ blind }) => blind !== undefined)
        .map(({ name }) => ({
          name: `${what}: index ${name}`,
          kind: 'bytes',
          must: 'blind' as const,
        })),
    ];
  });
}

/** The log asks an event for each field that it would write. */
function logged(): FoundField[] {
  const asked = new Set<string>();
  const event = new Proxy({} as { event: string }, { get: (_, name) => void asked.add(String(name)) });
  createLog({ level: 'debug', write: () => undefined }).info(event);
  return [...asked].map((name) => ({ name: `log: ${name}`, kind: 'text', must: 'clear' }));
}

function measured({ server }: TestInstallation): FoundField[] {
  const text = server.context.metrics.text();
  const labels = new Set<string>();
  for (const [, name = '', label = ''] of text.matchAll(/^(kuvert_\w+)\{(\w+)="/gm))
    labels.add(label === 'le' ? '' : `metric ${name}: ${label}`);
  labels.delete('');
  return [
    { name: 'metric: every value', kind: 'number', must: 'clear' },
    ...[...labels].map((name) => ({ name, kind: 'choice', must: 'clear' as const })),
  ];
}

/** The configuration asks the environment for each setting that there is. */
function settings(): FoundField[] {
  const asked = new Set<string>();
  const environment = new Proxy({}, { get: (_, name) => void asked.add(String(name)) });
  readConfig(environment, { folder: '/', onTerminal: false });
  return [...asked].map((name) => ({ name: `setting: ${name}`, kind: 'text', must: 'clear' }));
}
