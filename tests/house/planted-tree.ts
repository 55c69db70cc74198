import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the repository. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A folder of its own for a test, removed when it is disposed of. */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
}

/** Makes an empty folder outside of the repository. */
export function makeTemporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), 'kuvert-house-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * Makes a folder with the given files.
 *
 * @param files text by path; the folders on the way are made too
 */
export function plantTree(files: Record<string, string>): TemporaryFolder {
  const folder = makeTemporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    const target = join(folder.path, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  return folder;
}

/** Copies into a planted tree what `npm start` and `npm test` consist of before anything is installed. */
export function copyScripts(tree: TemporaryFolder): void {
  for (const path of ['scripts', 'packages/closed-process/src/node-flags.mjs']) {
    cpSync(join(ROOT, path), join(tree.path, path), { recursive: true });
  }
}

/** How a program ended. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; an exit code other than 0 is a result, not an exception. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    execFile(command, args, { ...options, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr });
    });
  });
}

/** Runs a program of `node_modules/.bin` on the Node that the repository installed. */
export function runTool(name: string, args: readonly string[], cwd: string): Promise<ProgramResult> {
  const bin = join(ROOT, 'node_modules', '.bin');
  return runProgram(join(bin, name), args, {
    cwd,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
}
