/**
 * A process that is killed while it folds its redo log, for killed-folds.test.ts: `node fold-child.ts FOLDER FOLD_AFTER_MS LISTS`. Its lists are
 * about rows that follow one another, so that what is missing shows, and what is done a second time as well. It says the number of each list on
 * standard output after its commit was confirmed.
 */
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { key, openEngine, put } from './testing.ts';

const [folder = '', foldAfter = '', lists = ''] = process.argv.slice(2);
const foldAfterMs = Number(foldAfter);
/** Fifteen lists are more than the log may hold before it is folded. */
const DOC_BYTES = 20_000;

const engine = await openEngine(folder, { foldAfterMs });
for (let n = 1; n <= Number(lists); n++) {
  const outcome = await engine.commit('control', [
    put(n, DOC_BYTES),
    // Done again later, it would bring the row back that the next list takes away.
    { kind: 'delete', collection: 0, key: key(n - 1) },
    put(0xffff, n),
  ]);
  if (!outcome.committed) throw new Error('refused');
  writeSync(1, `${n}\n`);
  if (foldAfterMs < 1_000) await pause(2 * foldAfterMs);
}
await engine.close();
