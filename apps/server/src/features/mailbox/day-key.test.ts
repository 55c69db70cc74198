import { createHmac, randomBytes } from 'node:crypto';
import { LABELS } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { DayKey } from './day-key.ts';

test('C1 the hash in a submit record is the HMAC-SHA256 that the library computes, whatever was hashed before', () => {
  const key = randomBytes(32);
  const dayKey = new DayKey(key);
  for (let i = 0; i < 50; i++) {
    const [device, submitId] = [randomBytes(17), randomBytes(17)];
    const expected = createHmac('sha256', key).update(LABELS.submitRecord).update(device).update(submitId);
    expect(dayKey.macOf(device, submitId)).toBe(expected.digest('latin1'));
  }
});
