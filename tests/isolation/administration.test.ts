/**
 * P4 and C5 from the table of the administration API: whoever has not signed in gets one answer from every operation that is not public, whatever
 * is named; and every operation asks for something that is in the table of permissions.
 */
import { randomBytes } from 'node:crypto';
import { ID_TYPES, type IdType, makeId } from '@kuvert/protocol';
import { ADMIN_BASE, ADMIN_OPERATIONS, type AdminOperation, PERMISSIONS } from '@kuvert/protocol/admin';
import { startInstallation, type TestInstallation, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let installation: TestInstallation;
let tenant: TestTenant;

beforeAll(async () => {
  installation = await startInstallation();
  tenant = await installation.tenant('Acme');
});
afterAll(() => installation[Symbol.asyncDispose]());

/** An operation of the table with something that is there, or not there, in each place of its path. */
function pathOf({ path }: AdminOperation, isThere: boolean): string {
  return path.replaceAll(/\{(\w+)Id\}/g, (_, name: string) => {
    if (isThere && name === 'tenant') return tenant.tenantId;
    expect(Object.keys(ID_TYPES), 'a parameter of a path is an id').toContain(name);
    return makeId(name as IdType, randomBytes(16));
  });
}

const operations = Object.entries<AdminOperation>(ADMIN_OPERATIONS);
const closed = operations.filter(([, { access }]) => access !== 'public');

describe('P4 C5 without a session there is one answer, whatever is named', () => {
  test.each(closed)('%s', async (_, operation) => {
    const credentials: Record<string, string>[] = [
      {},
      { authorization: `Bearer ${randomBytes(32).toString('base64url')}` },
      { authorization: `Basic ${Buffer.from('operator:operator').toString('base64')}` },
      { authorization: 'Bearer ' },
      { cookie: `__Host-kuvert=${randomBytes(32).toString('base64url')}`, 'sec-fetch-site': 'same-origin' },
    ];
    const answers = new Set<string>();
    for (const isThere of [true, false]) {
      for (const headers of credentials) {
        const url = `${installation.url}${ADMIN_BASE}${pathOf(operation, isThere)}`;
        const answer = await fetch(url, { method: operation.method, headers });
        expect(answer.status).toBe(401);
        answers.add(await answer.text());
      }
    }
    expect(answers.size).toBe(1);
  });
});

test('C5 every operation is public, for whoever has signed in, or asks for a permission of the table', () => {
  for (const [id, { access }] of operations) {
    expect(['public', 'signed-in', ...Object.keys(PERMISSIONS)], id).toContain(access);
  }
});
