/**
 * P4 and C3 from the table of operations: every operation, by every role, in one's own tenant, another's and one that is not there, and in one's own pool and another of the
 * same tenant; and whoever may, on things of another tenant or pool under the name of one's own. An operation that is added is tried from that moment on.
 */
import {
  ADMIN_OPERATIONS,
  type AdminOperation,
  type AdminOperationId,
  type GrantScope,
  isAllowed,
  ROLE_SCOPES,
} from '@kuvert/protocol/admin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AdminWorld, type Caller, exampleBody, type Ids, operationOf } from './admin-world.ts';

let world: AdminWorld;

beforeAll(async () => {
  world = await AdminWorld.start();
});
afterAll(() => world?.[Symbol.asyncDispose]());

const ROLES = [
  'operator',
  'tenant-admin',
  'group-admin',
  'help-desk',
  'help-desk of a pool',
  'auditor',
  'integration',
] as const;
const closed = (Object.entries(ADMIN_OPERATIONS) as [AdminOperationId, AdminOperation][])
  .filter(([, { access }]) => access !== 'public')
  .map(([id]) => id);

function callerOf(role: string): Caller {
  const found = world.callers.find(({ name }) => name === role);
  if (found === undefined) throw new Error(`nobody has the role ${role}`);
  return found;
}

/** The place that an operation is about. */
function placeOf({ path, at }: AdminOperation, ids: Ids): GrantScope {
  const tenantId = ids.tenant as never;
  if (at === 'installation' || !path.includes('{tenantId}')) return { kind: 'installation' };
  return path.includes('{poolId}')
    ? { kind: 'pool', tenantId, poolId: ids.pool as never }
    : { kind: 'tenant', tenantId };
}

/** What the table says of somebody, however the server decides it. */
function may({ grants, name }: Caller, one: AdminOperation, ids: Ids): boolean {
  if (one.access === 'public') return true;
  if (one.access === 'signed-in') return name !== 'integration';
  const isNamed = name !== 'integration' || ['people.read', 'people.create'].includes(one.access);
  return isNamed && isAllowed(grants, one.access, placeOf(one, ids));
}

/** A body that is refused by whoever gets to reading it, so that nothing changes; undefined where there is none, and the thing is one that is not there. */
function harmless(one: AdminOperation): { body?: unknown } {
  return one.method === 'GET' ? {} : { body: one.body === undefined ? '[]' : {} };
}

describe.each(closed)('P4 C3 %s', (id) => {
  const one = operationOf(id);

  test.each(ROLES)('by %s', async (role) => {
    const { token } = callerOf(role);
    const send = (ids: Ids) => world.send(id, ids, { token, ...harmless(one) });
    const own = await send(world.own);
    if (may(callerOf(role), one, world.own)) {
      // What wants a second factor is for people alone.
      expect(['not_allowed', 'unauthenticated', 'internal'], own.text).not.toContain(own.code);
    } else {
      expect(own.code, own.text).toBe('not_allowed');
    }
    if (!one.path.includes('{tenantId}')) return;
    const [foreign, missing] = [await send(world.foreign), await send(world.missing)];
    expect([foreign.status, foreign.text]).toEqual([missing.status, missing.text]);
    if (role !== 'operator') expect(foreign.status).toBeGreaterThanOrEqual(403);
    if (!may(callerOf(role), one, world.foreign))
      expect(['not_found', 'not_allowed']).toContain(foreign.code);
  });
});

/** Operations on one pool and what is in it. */
const ofPools = closed.filter((id) => operationOf(id).path.includes('{poolId}'));
/** What somebody who holds a role for one pool is told of another of the same tenant and of one that is not there. */
const held = ['group-admin', 'help-desk of a pool'] as const;

describe.each(ofPools)('P4 C3 %s of another pool', (id) => {
  const one = operationOf(id);

  test.each(ROLES)('by %s', async (role) => {
    const send = (ids: Ids) => world.send(id, ids, { token: callerOf(role).token, ...harmless(one) });
    const { pool = '', person = '', device = '' } = world.besides;
    const other = await send({ ...world.own, pool, person, device });
    if (may(callerOf(role), one, world.besides)) expect(other.code, other.text).not.toBe('not_allowed');
    else expect(other.code, other.text).toBe('not_allowed');
    if (!held.some((name) => name === role)) return;
    const missing = await send({ ...world.missing, tenant: world.own.tenant ?? '' });
    expect([other.status, other.text]).toEqual([missing.status, missing.text]);
    expect(other.code).toBe('not_allowed');
  });
});

/** Those about somebody who is in the pool already, or something of theirs. */
const ofMembers = ofPools.filter((id) => {
  const { path, access } = operationOf(id);
  return /\{(personId|deviceId)\}/.test(path) && access !== 'pools.members';
});

test.each(ofMembers)(
  'P4 C3 %s of somebody of another pool by the name of one’s own is answered as of somebody who is not there',
  async (id) => {
    const { person = '', device = '' } = world.besides;
    for (const role of ['tenant-admin', ...held]) {
      const by = { token: callerOf(role).token, ...harmless(operationOf(id)) };
      const send = (ids: Ids) => world.send(id, ids, by);
      const other = await send({ ...world.own, person, device });
      const missing = await send({
        ...world.missing,
        tenant: world.own.tenant ?? '',
        pool: world.own.pool ?? '',
      });
      expect([other.status, other.text]).toEqual([missing.status, missing.text]);
      expect(other.status).toBeGreaterThanOrEqual(400);
    }
  },
);

test('C3 every role that can be held in a place is tried in it', () => {
  const tried = world.callers.flatMap(({ grants }) =>
    grants.map(({ role, scope }) => `${role} in ${scope.kind}`),
  );
  const all = Object.entries(ROLE_SCOPES).flatMap(([role, kinds]) =>
    kinds.map((kind) => `${role} in ${kind}`),
  );
  expect(tried.sort()).toEqual(all.sort());
});

/** Operations whose path names something inside the tenant. */
const inner = closed.filter(
  (id) =>
    /\{(?!tenantId|poolId)\w+\}/.test(operationOf(id).path) && operationOf(id).path.includes('{tenantId}'),
);

test.each(inner)(
  'P4 %s on something of another tenant is answered as on something that is not there',
  async (id) => {
    const one = operationOf(id);
    const [chief] = world.chiefs;
    const options = {
      token: chief.token,
      headers: one.versioned ? { 'if-match': '"AAAAAAAAAAAAAAAAAAAAAA"' } : {},
      ...(one.body === undefined ? {} : { body: exampleBody(one, world.own) }),
    };
    await chief.stepUp();
    const { tenant = '', pool = '' } = world.own;
    const foreign = await world.send(id, { ...world.foreign, tenant, pool }, options);
    const missing = await world.send(id, { ...world.missing, tenant, pool }, options);
    expect([foreign.status, foreign.text]).toEqual([missing.status, missing.text]);
    // Erasing what is not there is done already.
    if (id !== 'audit.erase') expect(foreign.code).toBe('not_found');
  },
);

test('P4 H8 every route below /api/v1 is an operation of the table, or tells of it', () => {
  const routes = world.installation.server.routes.public
    .filter(({ path, method }) => path.startsWith('/api/v1') && method !== 'HEAD')
    .map(({ method, path }) => `${method} ${path}`);
  const told = ['GET /api/v1/browser', 'GET /api/v1/openapi.json', 'GET /api/v1/docs'];
  const expected = Object.values<AdminOperation>(ADMIN_OPERATIONS).map(
    ({ method, path }) => `${method} /api/v1${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
  );
  expect(routes.sort()).toEqual([...expected, ...told].sort());
});

test('C3 nothing of all that has changed anything', async () => {
  const [chief] = world.chiefs;
  const params = { tenantId: world.own.tenant as never };
  expect((await chief.call('people.list', { params })).result.people).toHaveLength(2);
  expect((await chief.call('administrators.list', { params })).result.administrators).toHaveLength(6);
  expect((await chief.call('integrations.list', { params })).result.integrations).toHaveLength(2);
});
