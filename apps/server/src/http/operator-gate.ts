/**
 * Who may give operator calls: whoever holds the operator key. Each request carries its time, a nonce and
 * HMAC-SHA256(operator key, label ‖ `operatorRequestText`), all three checked here; a request is good once and for a minute.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { KuvertError, LABELS, OPERATOR_HEADERS, operatorRequestText } from '@kuvert/protocol';
import type { Clock } from '../clock.ts';

/** How far the time of a request may be from the server's. */
export const REQUEST_AGE_MS = 60_000;
/** Nonces that are remembered; more requests than this in two minutes are refused. */
export const NONCES_MAX = 20_000;
const FORGET_EVERY_MS = 1_000;
const NONCE = /^[0-9a-f]{32}$/;
const MAC = /^[0-9a-f]{64}$/;
const TIME = /^\d{1,15}$/;

/** The MAC of an operator request in hex. */
export function operatorRequestMac(
  operatorKey: Uint8Array,
  request: {
    readonly path: string;
    readonly timeMs: string;
    readonly nonce: string;
    readonly body: Uint8Array;
  },
): string {
  const bodySha256Hex = createHash('sha256').update(request.body).digest('hex');
  const text = operatorRequestText({
    path: request.path,
    timeMs: request.timeMs,
    nonce: request.nonce,
    bodySha256Hex,
  });
  return createHmac('sha256', operatorKey).update(LABELS.operatorRequest).update(text).digest('hex');
}

/** Checks operator requests. */
export class OperatorGate {
  readonly #operatorKey: Uint8Array;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #onLimit: () => void;
  /** Nonce and the time until which a repetition would still have a good time. In order of insertion. */
  readonly #seen = new Map<string, number>();
  #forgotMs = 0;

  /** @param onLimit there were more requests than can be remembered */
  constructor(operatorKey: Uint8Array, clock: Pick<Clock, 'nowMs'>, onLimit: () => void = () => undefined) {
    this.#onLimit = onLimit;
    this.#operatorKey = operatorKey;
    this.#clock = clock;
  }

  /** @throws KuvertError `unauthenticated`, for whatever is wrong; `rate_limited` */
  check(request: {
    readonly path: string;
    readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
    readonly body: Uint8Array;
  }): void {
    const timeMs = request.headers[OPERATOR_HEADERS.time];
    const nonce = request.headers[OPERATOR_HEADERS.nonce];
    const mac = request.headers[OPERATOR_HEADERS.mac];
    if (!matches(timeMs, TIME) || !matches(nonce, NONCE) || !matches(mac, MAC)) refuse();
    const expected = operatorRequestMac(this.#operatorKey, {
      path: request.path,
      timeMs,
      nonce,
      body: request.body,
    });
    // First the MAC: only who has the key may fill the memory of nonces.
    if (!timingSafeEqual(Buffer.from(mac, 'hex'), Buffer.from(expected, 'hex'))) refuse();
    const nowMs = this.#clock.nowMs();
    const sentMs = Number(timeMs);
    if (Math.abs(nowMs - sentMs) > REQUEST_AGE_MS) refuse();
    this.#forget(nowMs);
    if (this.#seen.has(nonce)) refuse();
    if (this.#seen.size >= NONCES_MAX) {
      this.#onLimit();
      throw new KuvertError('rate_limited', { retry: { kind: 'after', ms: REQUEST_AGE_MS } });
    }
    this.#seen.set(nonce, sentMs + REQUEST_AGE_MS);
  }

  #forget(nowMs: number): void {
    // Looking at all of them at every request would make each one dearer than the last.
    if (this.#seen.size < NONCES_MAX && nowMs - this.#forgotMs < FORGET_EVERY_MS) return;
    this.#forgotMs = nowMs;
    for (const [nonce, untilMs] of this.#seen) {
      if (untilMs < nowMs) this.#seen.delete(nonce);
    }
  }
}

function matches(value: string | readonly string[] | undefined, form: RegExp): value is string {
  return typeof value === 'string' && form.test(value);
}

function refuse(): never {
  throw new KuvertError('unauthenticated');
}
