import { expect, test } from 'vitest';
import { ConnectionCount } from './connection-count.ts';

test('H8 connections are limited for all and for each address, and counted out once', () => {
  const count = new ConnectionCount(4, 2);
  const leave = count.enter('192.0.2.1');
  count.enter('192.0.2.1');
  expect(count.hasRoom('192.0.2.1')).toBe(false);
  expect(count.hasRoom('192.0.2.2')).toBe(true);
  leave();
  leave();
  expect(count.hasRoom('192.0.2.1')).toBe(true);
  for (let no = 0; no < 3; no++) {
    expect(count.hasRoom('::ffff:127.0.0.1')).toBe(true);
    count.enter('::ffff:127.0.0.1');
  }
  expect(count.hasRoom('127.0.0.1')).toBe(false);
  expect(count.hasRoom('192.0.2.2')).toBe(false);
});
