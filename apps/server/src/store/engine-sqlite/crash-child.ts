/**
 * A process that writes until it is killed, for crash.test.ts: `node crash-child.ts FOLDER STEP`. It commits lists of two rows
 * and says the number of each list on standard output after its commit was confirmed.
 */
import { writeSync } from 'node:fs';
import { openEngine, put } from './testing.ts';

const [folder = '', step = '0'] = process.argv.slice(2);
const engine = await openEngine(folder, { killAtStep: Number(step) });
for (let n = 0; ; n += 4) {
  // Several lists at once, so that a batch holds more than one.
  await Promise.all(
    [n, n + 2].map(async (first) => {
      const outcome = await engine.commit('control', [put(first), put(first + 1)]);
      if (outcome.committed) writeSync(1, `${first}\n`);
    }),
  );
}
