/** Runs this command line as a process of its own, as a person at a terminal would. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PROCESS_FLAGS } from '@kuvert/closed-process/node-flags';
import { isErrorCode, KuvertError } from '@kuvert/protocol';

const PROGRAM = fileURLToPath(new URL('../../bin/kuvert.js', import.meta.url));

/** Starts client processes until `stop` fires, which ends them too. */
export class ClientProcesses {
  readonly #stop: AbortSignal;

  constructor(stop: AbortSignal) {
    this.#stop = stop;
  }

  /**
   * Runs one command with `--json`.
   * @returns the objects it printed
   * @throws KuvertError with the code that the command gave, `unexpected` when it gave none
   */
  async run(args: readonly string[]): Promise<Record<string, unknown>[]> {
    const child = spawn(process.execPath, [...PROCESS_FLAGS, PROGRAM, ...args, '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: this.#stop,
      timeout: 60_000,
    });
    const [stdout, stderr, code] = await Promise.all([
      collect(child.stdout),
      collect(child.stderr),
      new Promise<number | null>((resolve, reject) => {
        child.once('close', resolve);
        child.once('error', reject);
      }),
    ]);
    if (code !== 0) throw readError(stderr);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function readError(stderr: string): KuvertError {
  for (const line of stderr.split('\n')) {
    const code = /^\{"error":\{"code":"(\w+)"/.exec(line)?.[1];
    if (code !== undefined && isErrorCode(code)) return new KuvertError(code);
  }
  return new KuvertError('unexpected');
}
