/**
 * The ops listener, on loopback only: `/livez`, `/readyz` and `/metrics` for whoever watches the server, and the operator calls for
 * whoever holds the operator key.
 */
import { randomUUID } from 'node:crypto';
import { ERRORS, KuvertError, type OperatorCallName, operatorCalls } from '@kuvert/protocol';
import fastify, { type FastifyInstance } from 'fastify';
import { actAs } from '../acting.ts';
import type { Log } from '../log.ts';
import { isLoopback } from '../loopback.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import { NO_SCHEMAS } from './no-schemas.ts';
import type { OperatorGate } from './operator-gate.ts';
import type { OperatorTable } from './operator-routes.ts';
import { answerProblems, problemAnswer, problemOf, problemOptions } from './problem.ts';
import type { Readiness } from './readiness.ts';
import { noteRoutes } from './route-list.ts';

/** Greatest size of an operator call's body. */
const BODY_BYTES_MAX = 65_536;

/** Makes the listener; the caller starts and closes it. */
export function createOpsListener(parts: {
  readonly readiness: Readiness;
  readonly gate: OperatorGate;
  readonly routes: OperatorTable;
  readonly log: Log;
  readonly metrics: Pick<ServerMetrics, 'text' | 'operatorCalls'>;
}): FastifyInstance {
  const { readiness, gate, routes, log, metrics } = parts;
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: 10_000,
    keepAliveTimeout: 5_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 100 },
    http: { requireHostHeader: false },
    ...problemOptions(log),
    ...NO_SCHEMAS,
  });
  noteRoutes(app);
  answerProblems(app, log);

  // The MAC is over the bytes as sent, so they are kept as they are until it is checked.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });

  // A page in a browser on this machine can reach loopback under a name of its own choice (DNS rebinding), but not under ours.
  app.addHook('onRequest', async (request) => {
    const host = hostOf(request.headers.host);
    if (host === undefined || !isLoopback(host)) throw new KuvertError('bad_request');
  });

  app.get('/livez', async (_request, reply) => reply.type('application/json').send('{"status":"live"}'));
  app.get('/readyz', async (_request, reply) => {
    try {
      await readiness.check();
      return reply.type('application/json').send('{"status":"ready"}');
    } catch (error) {
      const problem = problemOf(error instanceof KuvertError ? error : new KuvertError('internal'));
      // Whoever asks here understands one answer only: not now.
      const { status, headers, body } = problemAnswer({ ...problem, status: ERRORS.overloaded.status });
      return reply.code(status).headers(headers).send(body);
    }
  });

  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(metrics.text()),
  );

  for (const name of Object.keys(operatorCalls) as OperatorCallName[]) {
    const { path, params, result } = operatorCalls[name];
    const handler = routes[name] as (params: unknown) => Promise<unknown>;
    app.post(path, async (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      gate.check({ path, headers: request.headers, body });
      const parsed = params.safeParse(readJson(body));
      if (!parsed.success) throw new KuvertError('bad_request');
      const acting = {
        actor: 'operator-key',
        address: request.ip,
        via: `operator.${name}`,
        requestId: randomUUID(),
      } as const;
      const answer = result.safeParse(await actAs(acting, () => handler(parsed.data)));
      if (!answer.success) throw new KuvertError('internal', { details: { reason: 'result_invalid' } });
      metrics.operatorCalls.add();
      log.info({ event: 'operator-call', method: name });
      return reply.type('application/json').send(JSON.stringify(answer.data));
    });
  }
  return app;
}

function hostOf(header: string | undefined): string | undefined {
  if (header === undefined || !URL.canParse(`http://${header}`)) return undefined;
  return new URL(`http://${header}`).hostname.replace(/^\[(.*)\]$/, '$1');
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new KuvertError('bad_request', { cause });
  }
}
