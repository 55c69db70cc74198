// `npm test`: installs what the tests need and runs everything. The last line is always
// `N passed, N failed, N skipped`. As with start.mjs, old versions of Node must be able to read this file.
import { describeHere, findRefusal } from './bootstrap/prerequisites.mjs';

const refusal = findRefusal(describeHere());
if (refusal) {
  console.error(refusal);
  process.exitCode = 1;
} else {
  import('./bootstrap/test-kuvert.mjs').then(({ testKuvert }) => testKuvert(process.argv.slice(2)));
}
