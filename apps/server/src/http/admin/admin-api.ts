/**
 * The administration API on the public listener, made from the table of operations: every request is bounded, authenticated, authorised and parsed before a
 * feature sees it, and every answer is checked before it leaves.
 */
import { randomUUID } from 'node:crypto';
import { KuvertError } from '@kuvert/protocol';
import {
  ADMIN_BASE,
  ADMIN_HEADERS,
  ADMIN_OPERATIONS,
  type AdminOperation,
  type AdminOperationId,
  type GrantScope,
  isAllowed,
  openApiOf,
  statusOf,
} from '@kuvert/protocol/admin';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Acting, actAs } from '../../acting.ts';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { AdminCaller, AdminHandler, AdminTable } from './admin-routes.ts';
import { API_PAGE_HEADERS, apiPage } from './api-page.ts';
import { credentialOf, refuseForeignOrigin } from './credentials.ts';

/** Greatest size of a request's body. */
const BODY_BYTES_MAX = 65_536;
/** How long a second factor counts as fresh. */
export const STEP_UP_MS = 5 * 60_000;
const JSON_TYPE = /^application\/json(?:;\s*charset=utf-8)?$/i;

/** What the API needs from the features. */
export interface AdminGate {
  /** Who holds this token; undefined when nobody does. */
  authenticate(token: string): Promise<AdminCaller | undefined>;
  /** Told of every request that was refused for want of a right. */
  onRefused(caller: AdminCaller, operation: AdminOperationId, place: GrantScope): Promise<void>;
  /** Told of every request that changed something of which no feature left a record. */
  onUnrecorded(caller: AdminCaller | undefined, place: GrantScope): Promise<void>;
  /** The promise that what was recorded for a request will be in the log; undefined when nothing was. */
  promiseFor(recorded: Acting['recorded']): Promise<string | undefined>;
}

/** Headers of every answer: data of an organisation, for whoever asked and nobody else. */
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
} as const;

/** Adds all routes below `/api/v1`. */
export function addAdminApi(
  app: FastifyInstance,
  parts: {
    readonly gate: AdminGate;
    readonly routes: AdminTable;
    readonly log: Log;
    readonly clock: Pick<Clock, 'nowMs'>;
    readonly publicOrigin: string | undefined;
  },
): void {
  const { gate, routes, log, clock, publicOrigin } = parts;
  app.register(async (api) => {
    api.removeAllContentTypeParsers();
    // Whatever it calls itself, it is kept as bytes and read as JSON by the handler, which knows what it wants.
    api.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_request, body, done) =>
      done(null, body),
    );
    api.addHook('onRequest', async (_request, reply) => {
      reply.headers(HEADERS);
    });
    for (const id of Object.keys(ADMIN_OPERATIONS) as AdminOperationId[]) {
      const one: AdminOperation = ADMIN_OPERATIONS[id];
      const handler = routes[id] as AdminHandler<AdminOperationId>;
      api.route({
        method: one.method,
        url: `${ADMIN_BASE}${one.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
        bodyLimit: BODY_BYTES_MAX,
        handler: async (request, reply) => answer({ id, one, handler, request, reply }),
      });
    }
    const document = JSON.stringify(openApiOf(ADMIN_OPERATIONS));
    api.get(`${ADMIN_BASE}/openapi.json`, async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(document),
    );
    api.get(`${ADMIN_BASE}/docs`, async (_request, reply) =>
      reply.headers(API_PAGE_HEADERS).type('text/html; charset=utf-8').send(apiPage(ADMIN_OPERATIONS)),
    );
  });

  async function answer(asked: {
    readonly id: AdminOperationId;
    readonly one: AdminOperation;
    readonly handler: AdminHandler<AdminOperationId>;
    readonly request: FastifyRequest;
    readonly reply: FastifyReply;
  }): Promise<FastifyReply> {
    const { id, one, request, reply } = asked;
    const requestId = randomUUID();
    reply.header('x-request-id', requestId);
    const caller = one.access === 'public' ? undefined : await authenticated(request);
    const actor = caller?.administratorId ?? 'nobody';
    return actAs({ actor, address: request.ip, via: id, requestId }, (acting) =>
      answerAs({ ...asked, caller, requestId, acting }),
    );
  }

  async function answerAs(asked: {
    readonly id: AdminOperationId;
    readonly one: AdminOperation;
    readonly handler: AdminHandler<AdminOperationId>;
    readonly request: FastifyRequest;
    readonly reply: FastifyReply;
    readonly caller: AdminCaller | undefined;
    readonly requestId: string;
    readonly acting: Acting;
  }): Promise<FastifyReply> {
    const { id, one, handler, request, reply, caller, requestId, acting } = asked;
    const params = parsed(one.params, request.params);
    const place = placeOf(params);
    if (caller !== undefined) await authorise(caller, id, one, place);
    const input = {
      params,
      query: parsed(one.query, request.query),
      body: one.body === undefined ? noBody(request) : parsed(one.body, jsonOf(request)),
      caller,
      place,
      address: request.ip,
      requestId,
      ifMatch: one.versioned && one.method !== 'GET' ? ifMatchOf(request) : undefined,
    };
    const { result, etag, setCookie } = await handler(input as never);
    if (one.method !== 'GET' && acting.recorded.length === 0) await gate.onUnrecorded(caller, place);
    const promise = await gate.promiseFor(acting.recorded);
    if (promise !== undefined) reply.header(ADMIN_HEADERS.auditPromise, promise);
    const checked = one.result?.safeParse(result);
    if (checked?.success === false)
      throw new KuvertError('internal', { details: { reason: 'result_invalid' } });
    log.info({ event: 'admin-call', method: id });
    reply.code(statusOf(one));
    if (etag !== undefined) reply.header(ADMIN_HEADERS.etag, `"${etag}"`);
    if (setCookie !== undefined) reply.header('set-cookie', setCookie);
    return checked === undefined
      ? reply.send()
      : reply.type('application/json; charset=utf-8').send(JSON.stringify(checked.data));
  }

  async function authorise(
    caller: AdminCaller,
    id: AdminOperationId,
    one: AdminOperation,
    place: GrantScope,
  ): Promise<void> {
    if (one.access === 'public') return;
    if (one.access !== 'signed-in' && !isAllowed(caller.grants, one.access, place)) {
      await gate.onRefused(caller, id, place);
      // Of a tenant in which somebody has no part it is not even said that it is there.
      throw new KuvertError(
        caller.grants.some(({ scope }) => touches(scope, place)) ? 'not_allowed' : 'not_found',
      );
    }
    if (one.stepUp && clock.nowMs() - caller.stepUpAtMs > STEP_UP_MS)
      throw new KuvertError('step_up_required');
  }

  async function authenticated(request: FastifyRequest): Promise<AdminCaller> {
    const credential = credentialOf(request.headers);
    if (credential === undefined) throw new KuvertError('unauthenticated');
    if (credential.kind === 'cookie') refuseForeignOrigin(request, publicOrigin);
    const caller = await gate.authenticate(credential.token);
    if (caller === undefined) throw new KuvertError('unauthenticated');
    return caller;
  }
}

/** Parameters of the path say where something takes place; without a tenant it is the installation. */
function placeOf(params: Readonly<Record<string, unknown>>): GrantScope {
  const { tenantId, poolId, groupId } = params as Record<string, never>;
  if (tenantId === undefined) return { kind: 'installation' };
  if (poolId !== undefined) return { kind: 'pool', tenantId, poolId };
  if (groupId !== undefined) return { kind: 'group', tenantId, groupId };
  return { kind: 'tenant', tenantId };
}

/** Whether somebody with a grant there knows that this place exists. */
function touches(scope: GrantScope, place: GrantScope): boolean {
  if (scope.kind === 'installation' || place.kind === 'installation') return true;
  return scope.tenantId === place.tenantId;
}

/** A field that nobody declared is a mistake of the caller's, who should hear of it. */
function parsed(schema: AdminOperation['params'], value: unknown): Readonly<Record<string, unknown>> {
  const result = schema.strict().safeParse(value ?? {});
  if (result.success) return result.data;
  const field = result.error.issues[0]?.path.join('.');
  throw new KuvertError('bad_request', field ? { details: { field } } : {});
}

function jsonOf(request: FastifyRequest): unknown {
  if (!JSON_TYPE.test(request.headers['content-type'] ?? '')) throw new KuvertError('bad_request');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(request.body as Buffer));
  } catch (cause) {
    throw new KuvertError('bad_request', { cause });
  }
}

function noBody(request: FastifyRequest): undefined {
  if (Buffer.isBuffer(request.body) && request.body.length > 0) throw new KuvertError('bad_request');
  return undefined;
}

function ifMatchOf(request: FastifyRequest): string {
  const match = /^"([\w-]{1,64})"$/.exec(request.headers[ADMIN_HEADERS.ifMatch] ?? '');
  if (match?.[1] === undefined) throw new KuvertError('version_required');
  return match[1];
}
