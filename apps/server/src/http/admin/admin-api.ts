/**
 * The administration API on the public listener, made from the table of operations: every request is bounded, authenticated and parsed here, authorised and
 * carried out by `calls.ts`, and every answer is checked before it leaves.
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
  openApiOf,
} from '@kuvert/protocol/admin';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { actAs, presentActing } from '../../acting.ts';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Store } from '../../store/index.ts';
import { unmapped } from '../client-address.ts';
import { preferredLanguage } from '../status-page.ts';
import { type AdminCaller, type AdminTable, callerId } from './admin-routes.ts';
import { API_PAGE_HEADERS, apiPage } from './api-page.ts';
import { BROWSER_PAGE_PATH, browserPage, browserPageHeaders } from './browser-page.ts';
import { type AdminCall, AdminCalls, type AdminGate, operationOf } from './calls.ts';
import { credentialOf, deviceCookieOf, refuseForeignOrigin } from './credentials.ts';
import { keyedRequest } from './idempotency.ts';
import { hasRepeatedName } from './json-names.ts';

/** Greatest size of a request's body. */
const BODY_BYTES_MAX = 65_536;
const JSON_TYPE = /^application\/json(?:;\s*charset=utf-8)?$/i;

/** Adds all routes below `/api/v1`. */
export function addAdminApi(
  app: FastifyInstance,
  parts: {
    readonly gate: AdminGate;
    readonly routes: AdminTable;
    readonly store: Pick<Store, 'tenant' | 'operator'>;
    readonly log: Log;
    readonly clock: Pick<Clock, 'nowMs'>;
    readonly publicOrigin: string | undefined;
  },
): void {
  const { gate, publicOrigin } = parts;
  const calls = new AdminCalls(parts);
  app.register(async (api) => {
    api.removeAllContentTypeParsers();
    // Whatever it calls itself, it is kept as bytes and read as JSON by the handler, which knows what it wants.
    api.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_request, body, done) =>
      done(null, body),
    );
    for (const id of Object.keys(ADMIN_OPERATIONS) as AdminOperationId[]) {
      const { method, path } = operationOf(id);
      api.route({
        method,
        url: `${ADMIN_BASE}${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
        bodyLimit: BODY_BYTES_MAX,
        handler: async (request, reply) => answer(id, request, reply),
      });
    }
    const document = JSON.stringify(openApiOf(ADMIN_OPERATIONS));
    api.get(`${ADMIN_BASE}/openapi.json`, async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(document),
    );
    api.get(BROWSER_PAGE_PATH, async (request, reply) => {
      const language = preferredLanguage(request.headers['accept-language']);
      return reply
        .headers(browserPageHeaders(language))
        .type('text/html; charset=utf-8')
        .send(browserPage(language));
    });
    api.get(`${ADMIN_BASE}/docs`, async (_request, reply) =>
      reply.headers(API_PAGE_HEADERS).type('text/html; charset=utf-8').send(apiPage(ADMIN_OPERATIONS)),
    );
  });

  async function answer(
    id: AdminOperationId,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const one = operationOf(id);
    const requestId = randomUUID();
    reply.header('x-request-id', requestId);
    if (one.deprecated !== undefined) reply.headers(deprecationHeaders(one.deprecated));
    const caller = one.access === 'public' ? undefined : await authenticated(request);
    const address = unmapped(request.ip);
    const actor = caller === undefined ? 'nobody' : callerId(caller);
    const actorName = caller?.kind === 'administrator' ? caller.name : undefined;
    return actAs({ actor, actorName, address, via: id, requestId }, () =>
      answerAs({ id, request, reply, caller, requestId }),
    );
  }

  async function answerAs(asked: {
    readonly id: AdminOperationId;
    readonly request: FastifyRequest;
    readonly reply: FastifyReply;
    readonly caller: AdminCaller | undefined;
    readonly requestId: string;
  }): Promise<FastifyReply> {
    const { id, request, reply, caller, requestId } = asked;
    const one = operationOf(id);
    const params = parsed(one.params, request.params);
    const place = placeOf(one, params);
    const address = unmapped(request.ip);
    if (caller !== undefined) await calls.authorise(caller, { id, place });
    const body = one.body === undefined ? noBody(request) : parsed(one.body, jsonOf(request));
    const call: AdminCall = {
      id,
      params,
      query: parsed(one.query, request.query),
      body,
      caller,
      place,
      address,
      language: preferredLanguage(request.headers['accept-language']),
      requestId,
      deviceCookie: deviceCookieOf(request, publicOrigin),
      ifMatch: one.versioned && one.method !== 'GET' ? ifMatchOf(request) : undefined,
      keyed: keyedOf(id, request, { caller, params, body }),
    };
    const { status, json, etag, setCookies, isRepeated } = await calls.carryOut(call);
    const promise = await gate.promiseFor(presentActing().recorded);
    if (promise !== undefined) reply.header(ADMIN_HEADERS.auditPromise, promise);
    reply.code(status);
    if (etag !== undefined) reply.header(ADMIN_HEADERS.etag, `"${etag}"`);
    if (setCookies !== undefined) reply.header('set-cookie', [...setCookies]);
    if (isRepeated) reply.header('idempotent-replayed', 'true');
    return json === undefined || json === ''
      ? reply.send()
      : reply.type('application/json; charset=utf-8').send(json);
  }

  async function authenticated(request: FastifyRequest): Promise<AdminCaller> {
    const credential = credentialOf(request.headers);
    if (credential === undefined) throw new KuvertError('unauthenticated');
    if (credential.kind === 'cookie') refuseForeignOrigin(request, publicOrigin);
    const caller = await gate.authenticate(credential.token, unmapped(request.ip));
    if (caller === undefined) throw new KuvertError('unauthenticated');
    return caller;
  }
}

/** Parameters of the path say where something takes place; without a tenant it is the installation. */
function placeOf(one: AdminOperation, params: Readonly<Record<string, unknown>>): GrantScope {
  const { tenantId, poolId } = params as Record<string, never>;
  if (tenantId === undefined || one.at === 'installation') return { kind: 'installation' };
  if (poolId !== undefined) return { kind: 'pool', tenantId, poolId };
  return { kind: 'tenant', tenantId };
}

/** A key counts where the operation takes one, and belongs to whoever has chosen it. */
function keyedOf(
  operation: AdminOperationId,
  request: FastifyRequest,
  { caller, params, body }: Pick<AdminCall, 'caller' | 'params' | 'body'>,
) {
  const key = request.headers[ADMIN_HEADERS.idempotencyKey];
  if (key === undefined || caller === undefined || !operationOf(operation).idempotent) return undefined;
  return keyedRequest(key, { caller: callerId(caller), operation, params, body });
}

/** RFC 9745 and RFC 8594. */
function deprecationHeaders({ since, sunset, instead }: NonNullable<AdminOperation['deprecated']>) {
  return {
    deprecation: `@${Math.floor(Date.parse(since) / 1_000)}`,
    sunset: new Date(sunset).toUTCString(),
    link: `<${ADMIN_BASE}/docs#${instead}>; rel="successor-version"`,
  };
}

/** A field that nobody declared is a mistake of the caller's, who should hear of it. */
function parsed(schema: AdminOperation['params'], value: unknown): Readonly<Record<string, unknown>> {
  const result = schema.strict().safeParse(value ?? {});
  if (result.success) return result.data;
  const field = result.error.issues[0]?.path.join('.');
  throw new KuvertError('bad_request', field ? { details: { field } } : {});
}

function jsonOf(request: FastifyRequest): unknown {
  // An encoded body is not decoded, so it must not say that it is one.
  const isEncoded = (request.headers['content-encoding'] ?? 'identity') !== 'identity';
  if (isEncoded || !JSON_TYPE.test(request.headers['content-type'] ?? ''))
    throw new KuvertError('bad_request');
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(request.body as Buffer);
    json = JSON.parse(text);
  } catch (cause) {
    throw new KuvertError('bad_request', { cause });
  }
  if (hasRepeatedName(text)) throw new KuvertError('bad_request');
  return json;
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
