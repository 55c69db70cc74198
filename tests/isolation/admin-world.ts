/** An installation with two tenants, something of every kind in each, and a caller for every role; for what is tried from the table of operations. */
import { randomBytes } from 'node:crypto';
import { ID_TYPES, type IdType, makeId, type TenantId } from '@kuvert/protocol';
import {
  ADMIN_BASE,
  ADMIN_OPERATIONS,
  type AdminOperation,
  type AdminOperationId,
  type Grant,
  refusalsOf,
} from '@kuvert/protocol/admin';
import { startInstallation, type TestAdministrator, type TestInstallation } from '@kuvert/testkit';
import { expect } from 'vitest';

/** Somebody or something that calls. */
export interface Caller {
  readonly name: string;
  readonly token: string;
  readonly grants: readonly Grant[];
}

/** Ids of what there is in a tenant, by the name of the parameter without `Id`. */
export type Ids = { readonly [name: string]: string };

/** What was answered. */
export interface Answered {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
  readonly headers: Headers;
}

/** @see the head of this file */
export class AdminWorld implements AsyncDisposable {
  readonly installation: TestInstallation;
  readonly own: Ids;
  readonly foreign: Ids;
  /** Another pool of one's own tenant, with somebody in it who has a device. */
  readonly besides: Ids;
  readonly callers: readonly Caller[];
  readonly operator: TestAdministrator;
  /** Two of the same right, so that one can approve what the other asks for. */
  readonly chiefs: readonly [TestAdministrator, TestAdministrator];

  private constructor(parts: {
    installation: TestInstallation;
    own: Ids;
    foreign: Ids;
    besides: Ids;
    callers: readonly Caller[];
    operator: TestAdministrator;
    chiefs: readonly [TestAdministrator, TestAdministrator];
  }) {
    this.installation = parts.installation;
    this.own = parts.own;
    this.foreign = parts.foreign;
    this.besides = parts.besides;
    this.callers = parts.callers;
    this.operator = parts.operator;
    this.chiefs = parts.chiefs;
  }

  static async start(): Promise<AdminWorld> {
    const installation = await startInstallation();
    const operator = await installation.administrator('operator', 'Olga');
    const acme = await fill(installation, 'Acme');
    const other = await fill(installation, 'Other');
    const { tenantId } = acme;
    const tenant = { kind: 'tenant' as const, tenantId };
    const poolId = acme.ids.pool as never;
    const delegate = async (role: 'help-desk' | 'group-admin', name: string, where: { poolId?: never }) => {
      const mail = `${name.toLowerCase()}@admin.test`;
      const { result } = await acme.chief.call('administrators.invite', {
        params: { tenantId },
        body: { role, mail, ...where },
      });
      return installation.accept(result.code, { name, mail });
    };
    const helper = await delegate('help-desk', 'Hugo', {});
    const group = await delegate('group-admin', 'Gina', { poolId });
    const poolHelper = await delegate('help-desk', 'Paula', { poolId });
    const pool = { kind: 'pool' as const, tenantId, poolId };
    const second = await installation.administrator('tenant-admin', 'Berta', tenantId);
    const auditor = await installation.administrator('auditor', 'Rita', tenantId);
    const program = await acme.chief.call('integrations.create', {
      params: { tenantId },
      body: { name: 'Personnel', permissions: ['people.read', 'people.create'], validDays: 5 },
    });
    const callers: Caller[] = [
      caller('operator', operator, { role: 'operator', scope: { kind: 'installation' } }),
      caller('tenant-admin', acme.chief, { role: 'tenant-admin', scope: tenant }),
      caller('group-admin', group, { role: 'group-admin', scope: pool }),
      caller('help-desk', helper, { role: 'help-desk', scope: tenant }),
      caller('help-desk of a pool', poolHelper, { role: 'help-desk', scope: pool }),
      caller('auditor', auditor, { role: 'auditor', scope: tenant }),
      { name: 'integration', token: program.result.key, grants: [{ role: 'integration', scope: tenant }] },
    ];
    const own = { ...acme.ids, administrator: await idOf(helper), integration: program.result.integrationId };
    return new AdminWorld({
      installation,
      own,
      foreign: other.ids,
      besides: { ...own, ...(await acme.anotherPool()) },
      callers,
      operator,
      chiefs: [acme.chief, second],
    });
  }

  /** The same kinds of ids of nothing that there is. */
  get missing(): Ids {
    return Object.fromEntries(
      (Object.keys(ID_TYPES) as IdType[]).map((type) => [
        type,
        makeId(type, Uint8Array.from(randomBytes(16))),
      ]),
    );
  }

  /** Calls an operation on these ids. */
  async send(
    id: AdminOperationId,
    ids: Ids,
    options: { token?: string; body?: unknown; headers?: Record<string, string>; query?: string } = {},
  ): Promise<Answered> {
    const { token, body, headers = {}, query = '' } = options;
    const { method, path } = operationOf(id);
    const url = `${this.installation.url}${ADMIN_BASE}${pathOn(path, ids)}${query}`;
    const response = await fetchOnOpenLine(url, {
      method,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
    });
    const text = await response.text();
    const code = response.ok || text === '' ? undefined : (JSON.parse(text) as { code: string }).code;
    if (code !== undefined) expectDocumented(id, code);
    return { status: response.status, code, text, headers: response.headers };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.installation[Symbol.asyncDispose]();
  }
}

/** A well-formed id of nothing that there is. */
function idOfNothing(type: IdType): string {
  return makeId(type, Uint8Array.from(randomBytes(16)));
}

/** The operation of an id. */
export function operationOf(id: AdminOperationId): AdminOperation {
  return ADMIN_OPERATIONS[id];
}

/** A path with ids in the place of its parameters. */
function pathOn(path: string, ids: Ids): string {
  return path
    .replace('{id}', ids.person ?? '')
    .replaceAll(/\{(\w+)Id\}/g, (_, name: string) => ids[name] ?? idOfNothing(name as IdType));
}

/** The body of an example, with forms in the place of what is cut short there. */
export function exampleBody(one: AdminOperation, ids: Ids): Record<string, unknown> | undefined {
  if (one.body === undefined) return undefined;
  const body = structuredClone(one.example.body ?? {}) as Record<string, unknown>;
  if ('payloadHash' in body) body.payloadHash = 'a'.repeat(64);
  if ('poolId' in body) body.poolId = ids.pool;
  return body;
}

function caller(name: string, { token }: TestAdministrator, grant: Grant): Caller {
  return { name, token, grants: [grant] };
}

async function idOf(somebody: TestAdministrator): Promise<string> {
  return (await somebody.call('me')).result.administratorId;
}

/** A tenant with somebody, who has a device and is in a pool, an administrator and a program. */
async function fill(installation: TestInstallation, name: string) {
  const tenant = await installation.tenant(name);
  const tenantId: TenantId = tenant.tenantId;
  const person = await tenant.person('Anna');
  const chief = await installation.administrator('tenant-admin', `Chief${name}`, tenantId);
  const params = { tenantId };
  const pool = await chief.call('pools.create', { params, body: { name: 'Sales' } });
  const { poolId } = pool.result;
  await chief.call('pools.join', { params: { tenantId, poolId, personId: person.personId } });
  const body = { role: 'help-desk' as const, mail: `invited@${name.toLowerCase()}.test` };
  const invitation = await chief.call('administrators.invite', { params, body });
  const asked = await chief.call('administrators.invite', { params, body: { ...body, role: 'auditor' } });
  const program = await chief.call('integrations.create', {
    params,
    body: { name: 'Program', permissions: ['people.read'], validDays: 1 },
  });
  const { sessionId, administratorId } = (await chief.call('me')).result;
  const { entries } = (await chief.call('audit.search', { params })).result;
  const ids: Ids = {
    auditEntry: entries[0]?.entryId ?? '',
    tenant: tenantId,
    person: person.personId,
    device: person.deviceId,
    pool: poolId,
    administrator: administratorId,
    session: sessionId,
    invitation: invitation.result.invitationId,
    approval: asked.waiting?.approvalId ?? '',
    integration: program.result.integrationId,
  };
  const anotherPool = async (): Promise<Ids> => {
    const made = await chief.call('pools.create', { params, body: { name: 'Storehouse' } });
    const somebody = await tenant.person('Ben');
    const { personId, deviceId } = somebody;
    await chief.call('pools.join', { params: { tenantId, poolId: made.result.poolId, personId } });
    return { pool: made.result.poolId, person: personId, device: deviceId };
  };
  return { tenantId, chief, ids, anotherPool };
}

/** Holds a refusal against what the API's document says of an operation; another path than the operation's, by an id with odd signs, may not take its method. */
export function expectDocumented(id: AdminOperationId, code: string): void {
  if (code === 'method_not_allowed' || code === 'not_found') return;
  expect(refusalsOf(operationOf(id)), `refusals of ${id} in the document`).toContain(code);
}

/** On a busy machine a line that was kept open may have been closed by the server, for being idle, while this request was on its way; it was then never read, and goes out once more on another. */
async function fetchOnOpenLine(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { code?: string };
    if (code !== 'ECONNRESET' && code !== 'UND_ERR_SOCKET') throw error;
    return fetch(url, init);
  }
}
