/**
 * Answers that are kept for a day, so that a request that creates something can be repeated: the same key with the same request gets the same answer, with
 * another request a refusal. An answer is committed together with what it tells of, in the same file, so neither is ever there without the other.
 */
import { createHash } from 'node:crypto';
import { bytesSchema, KuvertError, LABELS, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { collection, type RowOf, type Store, type TenantScope, type Tx } from '../../store/index.ts';

const KEPT_MS = 86_400_000;
const KEY = /^[\x21-\x7e]{1,100}$/;

const document = z.object({
  /** Hash of who asks, for what, and the key that they chose. */
  keyHash: bytesSchema(32),
  requestHash: bytesSchema(32),
  status: z.int(),
  /** JSON. */
  answer: z.string(),
  expiresAt: timeMs,
});
const options = { document, key: ['keyHash'], sealed: ['answer'], retention: 'expiresAt' } as const;

/** Answers about what lies in a tenant's file. */
export const keptAnswers = collection('kept-answers', options);
/** Answers about what lies in the control file. */
export const operatorKeptAnswers = collection('operator-kept-answers', { ...options, scope: 'operator' });

/** A request with a key. */
export interface KeyedRequest {
  readonly keyHash: Uint8Array<ArrayBuffer>;
  readonly requestHash: Uint8Array<ArrayBuffer>;
}

/** An answer as it was given. */
export interface KeptAnswer {
  readonly status: number;
  readonly json: string;
}

/** @throws KuvertError `bad_request` for a key that is none */
export function keyedRequest(
  key: string | readonly string[],
  request: {
    readonly caller: string;
    readonly operation: string;
    readonly params: object;
    readonly body: unknown;
  },
): KeyedRequest {
  if (typeof key !== 'string' || !KEY.test(key))
    throw new KuvertError('bad_request', { details: { field: 'idempotency-key' } });
  const hash = (...parts: unknown[]) =>
    Uint8Array.from(
      createHash('sha256').update(LABELS.idempotencyKey).update(JSON.stringify(parts)).digest(),
    );
  const { caller, operation, params, body } = request;
  return { keyHash: hash(caller, operation, key), requestHash: hash(params, body ?? null) };
}

/** @see the head of this file */
export class KeptAnswers {
  readonly #store: Pick<Store, 'operator' | 'tenant'>;
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(deps: { store: Pick<Store, 'operator' | 'tenant'>; clock: Pick<Clock, 'nowMs'> }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
  }

  /**
   * The answer that was given to the same request.
   * @param scope of the tenant that the request names, if it names one
   * @throws KuvertError `idempotency_key_reused`
   */
  async find(request: KeyedRequest, scope: TenantScope | undefined): Promise<KeptAnswer | undefined> {
    const { keyHash } = request;
    const row =
      (await this.#store.operator().find(operatorKeptAnswers, keyHash)) ??
      (await scope?.find(keptAnswers, keyHash));
    if (row === undefined || row.expiresAt <= this.#clock.nowMs()) return undefined;
    if (!Buffer.from(row.requestHash).equals(request.requestHash))
      throw new KuvertError('idempotency_key_reused');
    return { status: row.status, json: row.answer };
  }

  /** Keeps an answer in the commit of what it tells of. */
  async keep(
    where:
      | { readonly kind: 'tenant'; readonly tx: Tx<'tenant'> }
      | { readonly kind: 'operator'; readonly tx: Tx<'operator'> },
    request: KeyedRequest,
    answer: KeptAnswer,
  ): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const row = { ...request, status: answer.status, answer: answer.json, expiresAt: nowMs + KEPT_MS };
    // One that is past its day may be replaced; of two at the same time the later one runs again and sees the first.
    if (where.kind === 'tenant') {
      refuseTaken(await where.tx.find(keptAnswers, request.keyHash), nowMs);
      where.tx.put(keptAnswers, row);
    } else {
      refuseTaken(await where.tx.find(operatorKeptAnswers, request.keyHash), nowMs);
      where.tx.put(operatorKeptAnswers, row);
    }
  }

  /** Removes what is past its day. @returns how many rows */
  async sweepTenant(scope: TenantScope, limit: number): Promise<number> {
    return scope.expire(keptAnswers, this.#clock.nowMs(), limit);
  }

  /** The same in the control file. */
  async sweepInstallation(limit: number): Promise<number> {
    return this.#store.operator().expire(operatorKeptAnswers, this.#clock.nowMs(), limit);
  }
}

/** Somebody was faster with the same key: what they did is found and answered by the caller. */
export class AnswerKeptError extends Error {
  override readonly name = 'AnswerKeptError';
}

function refuseTaken(row: RowOf<typeof keptAnswers> | undefined, nowMs: number): void {
  if (row !== undefined && row.expiresAt > nowMs) throw new AnswerKeptError();
}
