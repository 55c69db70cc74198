/**
 * `npm run mongo-double-spec -- [PART] [--failed]`: holds the double against MongoDB's own driver tests and reports each file. Exits with 1
 * when a test fails that nobody has explained, or too few of those that the engine uses pass, with 2 where the tests are not there.
 */
import { parseArgs } from 'node:util';
import { countOf, type Outcome, runFiles } from './report.ts';
import { readSpecFiles, specFolder } from './spec-file.ts';

/** How much of what the engine uses has to pass. */
const SHARE_MIN = 0.95;

const { values, positionals } = parseArgs({
  options: { failed: { type: 'boolean' } },
  allowPositionals: true,
});
const folder = specFolder();
process.exitCode = folder === undefined ? 2 : await main(folder);
if (folder === undefined)
  process.stderr.write(
    'The tests are not there: set KUVERT_CORPORA to the folder that has mongodb-driver-tests.\n',
  );

async function main(corpus: string): Promise<number> {
  const outcomes = await runFiles(readSpecFiles(corpus, positionals[0]), (file, ofFile) => {
    const { passed, failed, leftOut } = countOf(ofFile);
    if (values.failed !== true || failed > 0) {
      process.stdout.write(`${file.path}: ${passed} passed, ${failed} failed, ${leftOut} left out\n`);
    }
    for (const { result, test, why, explained } of ofFile) {
      if (result === 'failed')
        process.stdout.write(
          `    failed: ${test}\n        ${why}\n${explained === undefined ? '' : `        known: ${explained}\n`}`,
        );
    }
  });
  const reasons = new Map<string, number>();
  for (const { result, why } of outcomes)
    if (result === 'left out') reasons.set(why, (reasons.get(why) ?? 0) + 1);
  process.stdout.write('\nLeft out\n');
  for (const [why, times] of [...reasons].sort((a, b) => b[1] - a[1]))
    process.stdout.write(`${String(times).padStart(6)}  ${why}\n`);
  process.stdout.write(
    `\nAll: ${inWords(outcomes)}\nWhat the engine uses: ${inWords(outcomes.filter(({ ofTheEngine }) => ofTheEngine))}\n`,
  );
  const { passed, failed } = countOf(outcomes.filter(({ ofTheEngine }) => ofTheEngine));
  if (passed < SHARE_MIN * (passed + failed)) return 1;
  return outcomes.some(({ result, explained }) => result === 'failed' && explained === undefined) ? 1 : 0;
}

function inWords(outcomes: readonly Outcome[]): string {
  const { passed, failed, leftOut } = countOf(outcomes);
  const share = ((100 * passed) / Math.max(1, passed + failed)).toFixed(1);
  return `${passed} passed, ${failed} failed (${share} % of those run), ${leftOut} left out`;
}
