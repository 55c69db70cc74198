import { expect, test } from 'vitest';
import { LABELS } from './labels.ts';

test('B8 no two uses share a label, and none is the beginning of another', () => {
  const labels = Object.values(LABELS);
  for (const label of labels) {
    expect(label).toMatch(/^kuvert\/[a-z-]+\/[1-9][0-9]*$/);
    for (const other of labels) {
      if (label !== other) expect(other.startsWith(label), `${label} begins ${other}`).toBe(false);
    }
  }
  expect(new Set(labels).size).toBe(labels.length);
});
