import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { clientAddress, trustedProxies } from './client-address.ts';

const isTrusted = trustedProxies(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']);
const from = (remoteAddress: string, forwarded?: string): string =>
  clientAddress(
    { socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } } as unknown as IncomingMessage,
    isTrusted,
  );

test.each([
  ['203.0.113.5', undefined, '203.0.113.5'],
  ['::ffff:203.0.113.5', undefined, '203.0.113.5'],
  ['203.0.113.5', '198.51.100.1', '203.0.113.5'],
  ['10.1.2.3', '198.51.100.1', '198.51.100.1'],
  ['::ffff:10.1.2.3', 'evil, 198.51.100.1', '198.51.100.1'],
  ['10.1.2.3', '198.51.100.9, 198.51.100.1, 192.0.2.7', '198.51.100.1'],
  ['2001:db8::1', '::ffff:198.51.100.1', '198.51.100.1'],
  ['10.1.2.3', 'no address', '10.1.2.3'],
  ['10.1.2.3', '', '10.1.2.3'],
  ['10.1.2.3', '10.9.9.9', '10.9.9.9'],
])('C7 from %s saying %s it is %s who asks', (remote, forwarded, expected) => {
  expect(from(remote, forwarded)).toBe(expected);
});
