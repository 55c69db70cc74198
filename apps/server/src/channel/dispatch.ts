/** From a request record to its response record: parse, find the handler, parse params, call, check the result, encode. */
import {
  type CborValue,
  decodeControl,
  encodeControl,
  KuvertError,
  METHODS,
  type MethodName,
  Request,
  toWireError,
} from '@kuvert/protocol';
import { describeError, type Log } from '../log.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import type { DeviceCaller, EnrolmentCaller, RouteTable } from './routes.ts';

/** Who sent a request, and thereby which methods exist for them. */
export type Caller =
  | { readonly access: 'device'; readonly caller: DeviceCaller }
  | { readonly access: 'enrolment'; readonly caller: EnrolmentCaller };

/**
 * Reads a request record.
 * @throws KuvertError `bad_request`: there is no id to answer to, so the connection cannot go on
 */
export function readRequest(record: Uint8Array): Request {
  const parsed = Request.safeParse(decodeControl(record));
  if (!parsed.success) throw new KuvertError('bad_request');
  return parsed.data;
}

/** Answers a request. Never rejects: whatever goes wrong becomes an error in the answer. */
export async function answerRequest(
  request: Request,
  from: Caller,
  server: {
    readonly routes: RouteTable;
    readonly log: Log;
    readonly metrics: Pick<ServerMetrics, 'requests' | 'requestErrors'>;
  },
): Promise<Uint8Array> {
  const { id } = request;
  server.metrics.requests.add(request.method);
  try {
    const result = await callHandler(request, from, server.routes);
    return encodeControl('response', { id, result });
  } catch (error) {
    const told = toldError(error, () => {
      const method = Object.hasOwn(METHODS, request.method) ? request.method : 'unknown';
      server.log.error({ event: 'request-failed', method, ...describeError(error) });
    });
    server.metrics.requestErrors.add(told.code);
    return encodeControl('response', { id, error: toWireError(told) });
  }
}

/** What the caller may be told: an expected failure as it is, any other as `internal`, of which `log` takes note. */
export function toldError(error: unknown, log: () => void): KuvertError {
  if (error instanceof KuvertError) {
    if (error.code === 'internal') log();
    return error;
  }
  log();
  return new KuvertError('internal');
}

type AnyHandler = (caller: unknown, params: unknown) => Promise<unknown>;

async function callHandler(request: Request, from: Caller, routes: RouteTable): Promise<CborValue> {
  // A method of the other access is answered exactly like one that does not exist.
  const handler = routes[from.access].get(request.method) as AnyHandler | undefined;
  if (handler === undefined) throw new KuvertError('method_unknown');
  const method = METHODS[request.method as MethodName];
  const known = 'shape' in method.params ? Object.keys(method.params.shape) : [];
  if (request.crit?.some((field) => !known.includes(field))) throw new KuvertError('bad_request');
  const params = method.params.safeParse(request.params ?? {});
  if (!params.success) throw new KuvertError('bad_request');
  const result = method.result.safeParse(await handler(from.caller, params.data));
  if (!result.success) throw new KuvertError('internal', { details: { reason: 'result_invalid' } });
  return result.data as CborValue;
}
