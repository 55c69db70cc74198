// `npm start`: the only thing a person has to know. Any Node from 14 on must be able to read this file and
// `bootstrap/prerequisites.mjs`, because their job is to tell an old Node, in one sentence, that it is too old;
// everything newer is behind the dynamic import.
import { describeHere, findRefusal } from './bootstrap/prerequisites.mjs';

const refusal = findRefusal(describeHere());
if (refusal) {
  console.error(refusal);
  process.exitCode = 1;
} else {
  import('./bootstrap/start-kuvert.mjs').then(({ startKuvert }) => startKuvert(process.argv.slice(2)));
}
