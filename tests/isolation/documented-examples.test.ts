/**
 * C5: what the API's own document shows works. The examples are taken out of the document that the server serves and are sent to that server, each with real ids in the
 * place of the cut ones, and the answer has to fit the schema that stands beside it. An operation without an example fails.
 */
import { randomBytes } from 'node:crypto';
import { ID_TYPES, type IdType, makeId } from '@kuvert/protocol';
import { ADMIN_BASE, ADMIN_OPERATIONS, type AdminOperationId, statusOf } from '@kuvert/protocol/admin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AdminWorld, type Ids, operationOf } from './admin-world.ts';
import { stage } from './example-stage.ts';

interface Content {
  readonly 'application/json': { readonly schema: object; readonly example?: object };
}
/** What is read of an operation in the document. */
interface Described {
  readonly operationId: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required: boolean;
    readonly example?: string | number;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: { readonly [status: string]: { readonly content?: Content } };
}

let world: AdminWorld;
const described = new Map<string, Described>();

beforeAll(async () => {
  world = await AdminWorld.start();
  const answer = await fetch(`${world.installation.url}${ADMIN_BASE}/openapi.json`);
  const { paths } = (await answer.json()) as { paths: Record<string, Record<string, Described>> };
  for (const ones of Object.values(paths))
    for (const one of Object.values(ones)) described.set(one.operationId, one);
});
afterAll(() => world?.[Symbol.asyncDispose]());

const prefixes = Object.fromEntries(
  (Object.keys(ID_TYPES) as IdType[]).map((type) => [ID_TYPES[type].prefix, type]),
);

/** The same with an id in the place of each that is cut short. */
function filled<T>(value: T, ids: Ids): T {
  const text = JSON.stringify(value).replaceAll(/"([a-z]{2})_…"/g, (_, prefix: string) => {
    const type = prefixes[prefix];
    if (type === undefined) throw new Error(`no id begins with ${prefix}`);
    return JSON.stringify(ids[type] ?? makeId(type, Uint8Array.from(randomBytes(16))));
  });
  return JSON.parse(text) as T;
}

const ids = Object.keys(ADMIN_OPERATIONS) as AdminOperationId[];

function describedAs(id: AdminOperationId): Described {
  const one = described.get(id);
  if (one === undefined) throw new Error(`the document has no operation ${id}`);
  return one;
}

/** JSON Schema means patterns with the `u` flag; zod reads them without, so those that need it are left to the table, from which the document is made. */
function schemaOf(content: Content | undefined): z.ZodType | undefined {
  if (content === undefined) return undefined;
  const text = JSON.stringify(content['application/json'].schema, (name, value) =>
    name === 'pattern' && String(value).includes('\\p{') ? undefined : value,
  );
  return z.fromJSONSchema(JSON.parse(text));
}

describe.each(ids)('C5 %s', (id) => {
  test('has an example for everything that it takes and gives', () => {
    const { parameters, requestBody, responses } = describedAs(id);
    const missing = parameters.filter(
      ({ in: place, required, example }) => place !== 'header' && required && example === undefined,
    );
    expect(missing.map(({ name }) => name)).toEqual([]);
    const told = Object.entries(responses).filter(([status]) => status.startsWith('2'));
    expect(told.length).toBeGreaterThan(0);
    for (const [status, { content }] of told) {
      if (content === undefined) continue;
      const { example } = content['application/json'];
      expect(example, `example of ${status}`).toBeDefined();
      schemaOf(content)?.parse(filled(example, {}));
    }
    if (requestBody !== undefined)
      expect(requestBody.content['application/json'].example, 'example of the body').toBeDefined();
  });

  test('answers its example as it says', async () => {
    const { parameters, requestBody, responses } = describedAs(id);
    const one = operationOf(id);
    const staged = await stage(world, id);
    const inPlace = (place: string) =>
      parameters.filter((parameter) => parameter.in === place && parameter.example !== undefined);
    let path = one.path;
    for (const { name, example } of inPlace('path'))
      path = path.replace(`{${name}}`, filled(String(example), staged.ids));
    const query = inPlace('query').map(({ name, example }) => [name, String(example)]);
    const search = query.length === 0 ? '' : `?${new URLSearchParams(query)}`;
    const url = `${world.installation.url}${ADMIN_BASE}${path}${search}`;
    const example = requestBody?.content['application/json'].example;
    const body = example === undefined ? undefined : { ...filled(example, staged.ids), ...staged.body };
    // Whoever changes something has read it before.
    const authorization = staged.by === undefined ? {} : { authorization: `Bearer ${staged.by.token}` };
    const etag =
      one.versioned && one.method !== 'GET'
        ? (await fetch(url, { headers: { ...authorization } })).headers.get('etag')
        : null;
    const answer = await fetch(url, {
      method: one.method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: {
        ...authorization,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(etag === null ? {} : { 'if-match': etag }),
        ...(one.idempotent ? { 'idempotency-key': id } : {}),
      },
    });
    const text = await answer.text();
    const isWaiting = one.fourEyes?.((one.body?.parse(body) ?? undefined) as never) === true;
    expect(answer.status, text).toBe(isWaiting ? 202 : statusOf(one));
    const content = responses[answer.status]?.content;
    if (content === undefined) {
      expect(text).toBe('');
      return;
    }
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const given = JSON.parse(text) as object;
    schemaOf(content)?.parse(given);
    if (!isWaiting) expect(one.result?.parse(given)).toEqual(given);
    // What the example shows is what comes.
    for (const name of Object.keys(content['application/json'].example ?? {}))
      if (name !== 'next') expect(given).toHaveProperty(name);
  });
});
