// What `npm start` does on a machine that can run Kuvert: install, start the server, show the demo, wait.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROCESS_FLAGS, SERVER_FLAGS } from '../../packages/closed-process/src/node-flags.mjs';
import { installedNode, installPackages } from './packages.mjs';
import { ProcessFamily } from './process-family.mjs';
import { superviseServer } from './supervise-server.mjs';

const USAGE = `npm start                starts the server, and a demo organisation in an empty data folder
npm start -- --empty     starts the server without the demo

KUVERT_DATA (./data), KUVERT_KEYS (./keys), KUVERT_PORT (8420), KUVERT_HOST (127.0.0.1), KUVERT_OPS_PORT (8421)`;

/** @param {string[]} args what stands after `npm start --` */
export async function startKuvert(args) {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(USAGE);
    return;
  }
  const unknown = args.find((arg) => arg !== '--empty');
  if (unknown !== undefined) {
    console.error(`npm start does not know ${unknown}: please use --empty or nothing.`);
    process.exitCode = 2;
    return;
  }
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
  const family = new ProcessFamily({ underNpm: process.env.npm_lifecycle_event === 'start' });
  const ready = await installPackages({ root, family, say: (line) => console.error(line) });
  if (!ready) {
    process.exitCode = 1;
    return;
  }
  const node = installedNode(root);
  process.exitCode = await superviseServer({
    family,
    server: [node, ...SERVER_FLAGS, join(root, 'apps', 'server', 'src', 'main.ts')],
    demo: args.includes('--empty')
      ? undefined
      : [node, ...PROCESS_FLAGS, join(root, 'apps', 'cli', 'bin', 'kuvert.js'), 'demo'],
    cwd: root,
  });
}
