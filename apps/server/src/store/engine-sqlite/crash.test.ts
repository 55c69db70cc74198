import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { controlRows, key, newFolder, numberOf, openEngine } from './testing.ts';

const child = new URL('./crash-child.ts', import.meta.url).pathname;

test.for([1, 2, 3, 4, 5, 6, 10, 11, 12])(
  'P1 killed at step %i of the writer, nothing that was confirmed is lost and no list is half there',
  async (step) => {
    const { folder, remove } = newFolder();
    try {
      const run = spawnSync(process.execPath, [child, folder, String(step)], {
        encoding: 'utf8',
        timeout: 240_000,
      });
      expect(run.signal, run.stderr).toBe('SIGKILL');
      const confirmed = run.stdout
        .split('\n')
        .filter((line) => line !== '')
        .map(Number);
      const engine = await openEngine(folder);
      const rows = await controlRows(engine);
      const there = new Set(rows.map(numberOf));
      for (const first of confirmed) {
        expect(there.has(first)).toBe(true);
        expect(there.has(first + 1)).toBe(true);
      }
      for (const n of there) expect(there.has(n % 2 === 0 ? n + 1 : n - 1)).toBe(true);
      // Before the COMMIT nothing of the batch is there, after it all of it.
      expect(there.size).toBe(Math.floor(step / 3) * 4);
      expect(await engine.get('control', 0, key(0xffff))).toBeUndefined();
      await engine.close();
    } finally {
      remove();
    }
  },
);
