/** docs/fields.md is the list of all fields and their classes. A field that is not on it, or is not what its row says, fails the build. */
import { startInstallation, type TestInstallation } from '@kuvert/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { problemsOf, readFieldList } from './field-list.ts';
import { type FoundField, findFields } from './field-sources.ts';
import { leavesOf } from './field-walk.ts';
import { plantedFields } from './planting.ts';

let installation: TestInstallation;
let found: FoundField[];
const listed = readFieldList();
const planted = plantedFields();

beforeAll(async () => {
  installation = await startInstallation();
  found = findFields(installation);
});
afterAll(() => installation[Symbol.asyncDispose]());

test('P8 B7 every field of the product is on the list with the class that it has, and nothing else is', () => {
  expect(problemsOf(found, listed, planted).join('\n\n')).toBe('');
});

test('P8 fields are found in every place where there are some', () => {
  expect(found.length).toBeGreaterThan(250);
  for (const one of [
    'content text: text',
    'record submit: legs[].bytes',
    'shape Person: mail',
    'call people.find: mail',
    'event closing: code',
    'operator personAdd: name',
    'route ops: POST /operator/v1/people/add',
    'route public: upgrade /v1/channel',
    'header: accept-language',
    'stored people: name',
    'stored people: index byMail',
    'stored mailbox-rows: value',
    'stored data-keys: wrapped',
    'log: deviceId',
    'metric kuvert_requests_total: method',
    'setting: KUVERT_PUBLIC_URL',
  ])
    expect(found.map(({ name }) => name)).toContain(one);
});

describe('P8 the list does not hold when', () => {
  const row = (name: string) => {
    const found = listed.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no row ${name}`);
    return found;
  };
  const without = (name: string) => listed.filter((one) => one.name !== name);
  const changed = (name: string, change: object) =>
    listed.map((one) => (one.name === name ? { ...one, ...change } : one));
  const check = (now: readonly FoundField[], list = listed, plants = planted) =>
    problemsOf(now, list, plants).join('\n');

  test('a field is new, and the row to add is told', () => {
    const text = { name: 'call people.get: reason', kind: 'text', must: undefined };
    expect(check([...found, text])).toContain('| `call people.get: reason` | text | CLASS | WHO | WHAT |');
    const count = { name: 'content text: size', kind: 'number', must: 'end-to-end' as const };
    expect(check([...found, count])).toContain('| `content text: size` | number | end-to-end | – |  |');
  });

  test('a field is gone, or has become another kind of value', () => {
    expect(check(found.filter(({ name }) => name !== 'log: reason'))).toMatch(/log: reason.*remove it/);
    const now = found.map((one) => (one.name === 'log: reason' ? { ...one, kind: 'bytes' } : one));
    expect(check(now)).toMatch(/no row.*`log: reason` \| bytes.*row for log: reason \(text\)/s);
  });

  test('a field stands twice or its row says nothing', () => {
    expect(check(found, [...listed, row('log: reason')])).toContain('two rows for log: reason');
    expect(check(found, changed('log: reason', { note: '' }))).toContain('what it is');
    expect(check(found, changed('log: reason', { fieldClass: 'secret' }))).toContain('not "secret"');
    expect(check(found, changed('log: reason', { filledBy: 'me' }))).toContain('not "me"');
  });

  test('a sealed field is no longer sealed, or one is called sealed that is not', () => {
    const open = found.map((one) => (one.name === 'stored people: name' ? { ...one, must: undefined } : one));
    expect(check(open)).toMatch(/stored people: name: .*its collection does not/);
    expect(check(found, changed('stored people: name', { fieldClass: 'clear' }))).toContain('it is sealed');
    expect(check(found, changed('stored people: index byMail', { fieldClass: 'clear' }))).toContain(
      'it is blind',
    );
    expect(check(found, changed('stored devices: state', { fieldClass: 'sealed' }))).toContain('does not');
  });

  test('content, log or metrics are of another class than they can be', () => {
    expect(check(found, changed('content text: text', { fieldClass: 'sealed' }))).toContain(
      'it is end-to-end',
    );
    expect(check(found, changed('log: reason', { fieldClass: 'sealed' }))).toContain('it is clear');
  });

  test('somebody fills a field and no canary is put there, or it could be read', () => {
    const fewer = planted.filter((name) => name !== 'content text: text');
    expect(check(found, listed, fewer)).toMatch(/content text: text: somebody fills it: add to PLANTINGS/);
    expect(check(found, changed('shape Hello: clientVersion', { filledBy: 'person' }))).toContain(
      'it must be sealed',
    );
    expect(check(found, without('content text: text'))).toContain('which nobody fills');
  });
});

test('P8 fields are found in whatever a schema is built of', () => {
  const inner = z.object({ note: z.string() });
  const schema = z.object({
    list: z.array(z.object({ text: z.string().trim().max(3).optional() })),
    either: z.union([z.string(), z.number()]),
    kinds: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('a'), left: z.string() }),
      z.object({ kind: z.literal('b'), right: z.instanceof(Uint8Array) }),
    ]),
    by: z.record(z.string(), z.boolean()),
    pair: z.tuple([z.string(), z.int()]),
    later: z.lazy(() => z.string().nullable()),
    piped: z.string().transform(Number).pipe(z.number()).default(1),
    inner,
  });
  expect(leavesOf(schema, new Map([[inner, 'Inner']])).map(({ path, kind }) => `${path} ${kind}`)).toEqual([
    '.list[].text text',
    '.either text',
    '.either number',
    '.kinds.left text',
    '.kinds.right bytes',
    '.by{name} text',
    '.by{} choice',
    '.pair[] text',
    '.pair[] number',
    '.later text',
    '.piped text',
    '.inner Inner',
  ]);
  expect(() => leavesOf(z.object({ when: z.map(z.string(), z.string()) }), new Map())).toThrow('type map');
});
