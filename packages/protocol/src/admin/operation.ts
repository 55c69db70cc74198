/**
 * How an operation of the administration API is declared: once, here. Routes, authorisation, OpenAPI, the typed client, examples and tests
 * are all made from it.
 */
import { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import { cursor, idSchema } from '../schemas.ts';
import type { Permission } from './permissions.ts';

/** A SHA-256 in examples, written so that it is no key to those who look for keys. */
export const EXAMPLE_HASH = '0f1e2d3c4b5a69788796a5b4c3d2e1f0'.repeat(2);

/** Where the API begins. */
export const ADMIN_BASE = '/api/v1';

/** Headers with a meaning of their own. */
export const ADMIN_HEADERS = {
  idempotencyKey: 'idempotency-key',
  etag: 'etag',
  ifMatch: 'if-match',
  /** Of an answer: the signed promise that what was done will be in the audit log. */
  auditPromise: 'kuvert-audit-promise',
} as const;

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Who may call: anybody, anybody who has signed in, or who holds a permission in the place that the path names. */
export type OperationAccess = 'public' | 'signed-in' | Permission;

type Fields = z.ZodObject;

/** One operation. */
export interface AdminOperation<
  P extends Fields = Fields,
  Q extends Fields = Fields,
  B extends Fields | undefined = Fields | undefined,
  R extends Fields | undefined = Fields | undefined,
> {
  readonly method: HttpMethod;
  /** Below {@link ADMIN_BASE}, with its parameters in braces: `/tenants/{tenantId}/people`. */
  readonly path: string;
  readonly summary: string;
  readonly access: OperationAccess;
  /** Takes place in the installation, although the path names a tenant. */
  readonly at?: 'installation';
  /** A second factor must have been shown within the last five minutes. */
  readonly stepUp?: true;
  /** May be called by somebody who has to choose another password before anything else. */
  readonly beforeNewPassword?: true;
  /** Only answers, although its method could change something; leaves no record in the audit log. */
  readonly changesNothing?: true;
  /** Takes an `Idempotency-Key`: the same key with the same request gets the same answer for a day. */
  readonly idempotent?: true;
  /** Answers with an `ETag`; a change wants it back as `If-Match`. */
  readonly versioned?: true;
  /** Somebody else has to approve requests with these bodies: they are answered with 202 and wait (docs/api.md, four eyes). */
  fourEyes?(body: B extends z.ZodType ? z.output<B> : undefined): boolean;
  /** Its effect lies in the tenant's file, and so does the request that waits, because both change in one commit; else in the installation's. */
  readonly fourEyesIn?: 'tenant';
  /** Still answers, and says that it will go: when that was decided, when it ends, and what takes its place. */
  readonly deprecated?: { readonly since: string; readonly sunset: string; readonly instead: string };
  readonly params: P;
  readonly query: Q;
  /** Undefined for an operation without a body. */
  readonly body: B;
  /** Undefined for `204 No Content`. */
  readonly result: R;
  /** What it may be refused with, besides what any request may. */
  readonly errors: readonly ErrorCode[];
  /** A request that works where there is what it names, and its answer. */
  readonly example: {
    readonly params?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, unknown>>;
    readonly body?: Readonly<Record<string, unknown>>;
    readonly result?: Readonly<Record<string, unknown>>;
  };
}

type Parts<P, Q, B, R> = {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly result?: R;
  readonly errors?: readonly ErrorCode[];
};
const nothing = z.object({});
type Nothing = typeof nothing;

/** Declares an operation; what is left out is empty. */
export function operation<
  P extends Fields = Nothing,
  Q extends Fields = Nothing,
  B extends Fields | undefined = undefined,
  R extends Fields | undefined = undefined,
>(
  declaration: Omit<AdminOperation<P, Q, B, R>, keyof Parts<P, Q, B, R>> & Parts<P, Q, B, R>,
): AdminOperation<P, Q, B, R> {
  const { params, query, body, result, errors, ...rest } = declaration;
  return {
    ...rest,
    params: (params ?? nothing) as P,
    query: (query ?? nothing) as Q,
    body: body as B,
    result: result as R,
    errors: errors ?? [],
  };
}

/** A time as the API writes it: ISO 8601 in UTC. */
export const apiTime = z.iso.datetime();

/** What a list takes: how many at most, and where the page before ended. */
export const pageQuery = z.object({
  limit: z
    .string()
    .regex(/^\d{1,4}$/)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 1_000, 'not 1 to 1000')
    .optional(),
  cursor: cursor.optional(),
});

/** What a list answers beside its rows: where the next page begins; absent on the last page. */
export const pageEnd = { next: cursor.optional() };

/** The answer 202: somebody else has to approve what was asked for. */
export const Waiting = z.object({
  approvalId: idSchema('approval'),
  /** SHA-256 in hexadecimal over exactly what will happen. */
  payloadHash: z.string().regex(/^[0-9a-f]{64}$/),
  expiresAt: apiTime,
});

/** The status of an answer that is none of refusal. */
export function statusOf({ method, result }: Pick<AdminOperation, 'method' | 'result'>): 200 | 201 | 204 {
  if (result === undefined) return 204;
  return method === 'POST' ? 201 : 200;
}
