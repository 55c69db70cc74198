// Keeps the server company from its start to its end. The two talk over Node's IPC channel, in two ways: the
// server sends `{type: 'ready', url, opsUrl, dataDir, empty}` once it serves, and it sees the channel close
// (`disconnect`) when this process dies, however it dies. In the other direction only signals go. A Ctrl-C
// reaches the server twice, from the terminal and from here; it ignores the second one.
import { endChild, ending } from './process-family.mjs';

/**
 * Runs the server until it ends, with the demo beside it once it serves.
 * @param {object} task
 * @param {import('./process-family.mjs').ProcessFamily} task.family
 * @param {string[]} task.server command and arguments
 * @param {string[] | undefined} task.demo command and arguments, to which `--data DIR` is added; ends by itself
 * @param {string} task.cwd
 * @returns {Promise<number>} the exit code of the server, which has said itself what is to be said
 */
export async function superviseServer({ family, server, demo, cwd }) {
  if (family.stoppedBy) return 1;
  const child = family.start(server[0] ?? '', server.slice(1), {
    cwd,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let demoChild;
  family.onStop((signal) => {
    child.kill(signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM');
    if (demoChild) endChild(demoChild);
  });
  child.on('message', (message) => {
    const dataDir = readReady(message);
    if (dataDir === undefined || !demo || demoChild || family.stoppedBy) return;
    demoChild = family.start(demo[0] ?? '', [...demo.slice(1), '--data', dataDir], { cwd, stdio: 'inherit' });
    ending(demoChild).then(({ code }) => {
      if (code === 0 || family.stoppedBy || child.exitCode !== null) return;
      console.error('The demo did not come to its end; the server goes on running.');
    });
  });
  const { code } = await ending(child);
  if (demoChild) endChild(demoChild);
  return code;
}

/**
 * @param {unknown} message what the server sent
 * @returns {string | undefined} the data folder, when the message says that the server serves
 */
function readReady(message) {
  if (typeof message !== 'object' || message === null) return undefined;
  const { type, dataDir } = /** @type {{ type?: unknown, dataDir?: unknown }} */ (message);
  return type === 'ready' && typeof dataDir === 'string' ? dataDir : undefined;
}
