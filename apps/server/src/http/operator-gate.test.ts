import { OPERATOR_HEADERS } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { NONCES_MAX, OperatorGate, operatorRequestMac, REQUEST_AGE_MS } from './operator-gate.ts';

const key = new Uint8Array(32).fill(1);
const path = '/operator/v1/tenants/create';
const NOW = 1_700_000_000_000;

interface Parts {
  readonly key?: Uint8Array;
  readonly timeMs?: number;
  readonly nonce?: string;
  readonly body?: string;
}

function signed(parts: Parts = {}) {
  const timeMs = String(parts.timeMs ?? NOW);
  const nonce = parts.nonce ?? 'ab'.repeat(16);
  const body = Buffer.from(parts.body ?? '{"name":"Acme"}');
  const mac = operatorRequestMac(parts.key ?? key, { path, timeMs, nonce, body });
  const headers = {
    [OPERATOR_HEADERS.time]: timeMs,
    [OPERATOR_HEADERS.nonce]: nonce,
    [OPERATOR_HEADERS.mac]: mac,
  };
  return { path, headers, body };
}

function gateAt(nowMs: number = NOW) {
  const clock = { nowMs: () => nowMs };
  return { gate: new OperatorGate(key, clock), clock };
}

const refusal = expect.objectContaining({ code: 'unauthenticated' });

test('H8 a signed request passes once, its repetition does not', () => {
  const { gate } = gateAt();
  gate.check(signed());
  expect(() => gate.check(signed())).toThrow(refusal);
  gate.check(signed({ nonce: 'cd'.repeat(16) }));
});

test('H8 a repetition is refused as long as its time would still be good', () => {
  let nowMs = NOW;
  const gate = new OperatorGate(key, { nowMs: () => nowMs });
  gate.check(signed({ timeMs: NOW + REQUEST_AGE_MS }));
  nowMs = NOW + 2 * REQUEST_AGE_MS;
  expect(() => gate.check(signed({ timeMs: NOW + REQUEST_AGE_MS }))).toThrow(refusal);
});

test.each([
  ['another key', signed({ key: new Uint8Array(32).fill(2) })],
  ['an altered body', { ...signed(), body: Buffer.from('{"name":"Evil"}') }],
  ['another path', { ...signed(), path: '/operator/v1/keys/rotate' }],
  [
    'an altered time',
    { ...signed(), headers: { ...signed().headers, [OPERATOR_HEADERS.time]: String(NOW + 1) } },
  ],
  ['a short nonce', signed({ nonce: 'ab' })],
  ['no headers', { ...signed(), headers: {} }],
  ['a MAC twice', { ...signed(), headers: { ...signed().headers, [OPERATOR_HEADERS.mac]: ['a', 'b'] } }],
])('H8 %s is refused', (_what, request) => {
  expect(() => gateAt().gate.check(request)).toThrow(refusal);
});

test('H8 a request from a minute ago or from the future is refused', () => {
  for (const timeMs of [NOW - REQUEST_AGE_MS - 1, NOW + REQUEST_AGE_MS + 1]) {
    expect(() => gateAt().gate.check(signed({ timeMs }))).toThrow(refusal);
  }
  gateAt().gate.check(signed({ timeMs: NOW - REQUEST_AGE_MS }));
});

test('H8 a request with a wrong MAC does not use its nonce up', () => {
  const { gate } = gateAt();
  expect(() => gate.check(signed({ key: new Uint8Array(32) }))).toThrow(refusal);
  gate.check(signed());
});

test('P7 more requests than can be remembered are told when to come again, and then they pass', () => {
  let nowMs = NOW;
  let reached = 0;
  const gate = new OperatorGate(key, { nowMs: () => nowMs }, () => reached++);
  const nonce = (no: number) => no.toString(16).padStart(32, '0');
  for (let no = 0; no < NONCES_MAX; no++) gate.check(signed({ nonce: nonce(no) }));
  const more = () => gate.check(signed({ timeMs: nowMs, nonce: nonce(NONCES_MAX) }));
  expect(more).toThrow(
    expect.objectContaining({ code: 'rate_limited', retry: { kind: 'after', ms: REQUEST_AGE_MS } }),
  );
  expect(reached).toBe(1);
  nowMs += REQUEST_AGE_MS + 1;
  more();
});
