/** Errors over HTTP: `application/problem+json` (RFC 9457) with the catalogue's code, sentence and retry rule. */
import { ERRORS, type ErrorDetails, KuvertError, type Retry, sentenceFor } from '@kuvert/protocol';
import type { FastifyInstance } from 'fastify';
import { describeError, type Log } from '../log.ts';

/** The body of an error. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly retry: Retry;
  /** Named as on the device channel, so that one reader serves both. */
  readonly details?: ErrorDetails;
}

/** Media type of {@link Problem}. */
export const PROBLEM_TYPE = 'application/problem+json';

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

/** Makes every failure of `app` a problem: unknown paths, refusals, faults of the framework and of ours. */
export function answerProblems(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((_request, reply) => {
    const problem = problemOf(new KuvertError('not_found'));
    return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  });
  app.setErrorHandler((error: unknown, _request, reply) => {
    const problem = problemOf(toldOverHttp(error, log));
    return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  });
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
