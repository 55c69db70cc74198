import { expect, test } from 'vitest';
import { createLog, describeError, type LogFields } from './log.ts';

function logOf(fields: unknown): Record<string, unknown> {
  const lines: string[] = [];
  createLog({ level: 'debug', write: (line) => lines.push(line) }).error(fields as LogFields);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

test('H6 a field that is not on the list, or not in its form, is dropped', () => {
  const line = logOf({
    event: 'device-connected',
    tenantId: 'tn_00000000000000000000000000000',
    deviceId: 'anna@acme.test',
    mail: 'anna@acme.test',
    text: 'hello',
    method: 'a method with spaces',
    count: 3,
    frames: ['apps/server/src/app.ts:3', 'Anna said hello'],
  });
  expect(line).toEqual({
    level: 'error',
    time: expect.any(String),
    event: 'device-connected',
    tenantId: 'tn_00000000000000000000000000000',
    count: 3,
  });
});

test('H6 of an error its class, code and our own places are logged, never its message', () => {
  const error = Object.assign(new RangeError('hello Anna\n    at apps/secret.ts:1:1'), { code: 'ERR_X' });
  const line = logOf({ event: 'request-failed', ...describeError(error) });
  expect(line).toMatchObject({ name: 'RangeError', code: 'ERR_X' });
  expect((line.frames as string[])[0]).toMatch(/^apps\/server\/src\/log\.test\.ts:\d+$/);
  expect(JSON.stringify(line)).not.toMatch(/Anna|secret/);
  expect(describeError('thrown text')).toEqual({ name: 'string', frames: [] });
  expect(describeError(undefined)).toEqual({ name: 'undefined', frames: [] });
});
