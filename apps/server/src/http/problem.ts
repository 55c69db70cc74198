/** Errors over HTTP: `application/problem+json` (RFC 9457) with the catalogue's code, sentence and retry rule. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { ERRORS, type ErrorDetails, KuvertError, type Retry, sentenceFor } from '@kuvert/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { describeError, type Log } from '../log.ts';
import { methodsOf } from './route-list.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { preferredLanguage } from './status-page.ts';

/** The body of an error. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly retry: Retry;
  /** Named as on the device channel, so that one reader serves both. */
  readonly details?: ErrorDetails;
}

/** For how long somebody whose body was refused for its size may go on sending it. */
const LINGER_MS = 1_000;

/** Headers of which Node would take the first and others the last, so that two of them would be two requests in one. */
const ONCE: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-type',
  'content-encoding',
  'origin',
  'sec-fetch-site',
]);

/** Media type of {@link Problem}. */
const PROBLEM_TYPE = 'application/problem+json';

/** The error as it is told over HTTP. */
export function problemOf(error: KuvertError, language: 'en' | 'de' = 'en'): Problem {
  return {
    title: sentenceFor(error.code, language),
    status: ERRORS[error.code].status,
    code: error.code,
    retry: error.retry,
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

/** How a refusal is answered, for fastify, for Node and for a bare socket alike. */
export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The answer that tells of an error. The pause after which to come again also stands in `Retry-After`, for whoever reads no JSON. */
export function problemAnswer(problem: Problem): ProblemAnswer {
  const { status, retry } = problem;
  return {
    status,
    headers: {
      'content-type': `${PROBLEM_TYPE}; charset=utf-8`,
      ...SECURITY_HEADERS,
      // RFC 9110 §11.6.1. Browsers ask nobody for a password over it.
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...(retry.kind === 'after' ? { 'retry-after': String(Math.ceil(retry.ms / 1_000)) } : {}),
    },
    body: JSON.stringify(problem),
  };
}

/** The same as the bytes of a whole HTTP answer that ends its connection, for a socket on which there is no request (yet). */
export function problemBytes(error: KuvertError): string {
  const { status, headers, body } = problemAnswer(problemOf(error));
  const lines = Object.entries({
    ...headers,
    connection: 'close',
    'content-length': String(Buffer.byteLength(body)),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}

/**
 * What fastify must be made with so that also those answers are ours that it otherwise gives in its own words: to bytes that are no HTTP
 * request, to a path that cannot be decoded, to requests while it closes.
 */
export function problemOptions(
  log: Log,
): Pick<FastifyServerOptions, 'clientErrorHandler' | 'frameworkErrors' | 'return503OnClosing'> {
  return {
    clientErrorHandler(error, socket) {
      if (error.code === 'ECONNRESET' || socket.destroyed) return;
      if (socket.writable) socket.end(problemBytes(toldOfBytes(error.code)), () => socket.destroy());
      else socket.destroy();
    },
    frameworkErrors: (error, request, reply) => sendProblem(request, reply, toldOverHttp(error, log)),
    return503OnClosing: false,
  };
}

/** Makes every failure of `app` a problem: unknown paths, refusals, faults of the framework and of ours, odd expectations. */
export function answerProblems(app: FastifyInstance, log: Log): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onRequest', async (request) => {
    if (closing) throw new KuvertError('shutting_down');
    if (request.raw.httpVersionMinor > 0 && request.headers.host === undefined)
      throw new KuvertError('bad_request');
    if (hasRepeatedHeader(request.raw.rawHeaders)) throw new KuvertError('bad_request');
  });
  app.setNotFoundHandler((request, reply) => {
    const methods = methodsOf(app, request.url.split('?')[0] ?? '');
    // RFC 9110 §15.5.6. What has a route and this method, such as one with an id that is too long, is not there.
    if (methods.length === 0 || methods.includes(request.method))
      return sendProblem(request, reply, new KuvertError('not_found'));
    reply.header('allow', methods.join(', '));
    return sendProblem(request, reply, new KuvertError('method_not_allowed'));
  });
  app.setErrorHandler((error: unknown, request, reply) =>
    sendProblem(request, reply, toldOverHttp(error, log)),
  );
  app.server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { status, headers, body } = problemAnswer(problemOf(new KuvertError('bad_request')));
    response
      .writeHead(status, { ...headers, connection: 'close', 'content-length': Buffer.byteLength(body) })
      .end(body);
  });
}

/** In the language that whoever asks prefers. */
function sendProblem(request: FastifyRequest, reply: FastifyReply, error: KuvertError): FastifyReply {
  const language = preferredLanguage(request.headers['accept-language']);
  const { status, headers, body } = problemAnswer(problemOf(error, language));
  if (error.code === 'too_large') {
    const { socket } = request.raw;
    // Whoever is still sending gets the answer, and is not listened to for longer.
    reply.raw.once('finish', () => setTimeout(() => socket.destroy(), LINGER_MS).unref());
  }
  return reply
    .code(status)
    .headers({
      ...headers,
      ...(error.code === 'too_large' ? { connection: 'close' } : {}),
      'content-language': language,
      vary: 'Accept-Language',
    })
    .send(body);
}

/** What the parser of Node refused, by its code. */
function toldOfBytes(code: string | undefined): KuvertError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new KuvertError('request_timeout');
  if (code === 'HPE_HEADER_OVERFLOW' || code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return new KuvertError('too_large');
  return new KuvertError('bad_request');
}

function toldOverHttp(error: unknown, log: Log): KuvertError {
  if (error instanceof KuvertError) {
    if (error.code === 'internal') log.error({ event: 'http-failed', ...describeError(error) });
    return error;
  }
  // What the framework refuses by itself is the sender's fault and has a status of its own.
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  if (statusCode === 413) return new KuvertError('too_large');
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new KuvertError('bad_request');
  log.error({ event: 'http-failed', ...describeError(error) });
  return new KuvertError('internal');
}

/** @param rawHeaders names and values in turn */
function hasRepeatedHeader(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>();
  return rawHeaders.some((text, at) => {
    const name = at % 2 === 0 ? text.toLowerCase() : '';
    if (!ONCE.has(name)) return false;
    const isRepeated = seen.has(name);
    seen.add(name);
    return isRepeated;
  });
}
