// The processes that a bootstrap command starts. Three rules hold for them: they never outlive the command,
// the command never ends before them, and the death of npm ends all of them. npm forwards a TERM but cannot
// forward its own kill -9, so its children watch `process.ppid`; that works because the scripts in
// package.json say `exec node …`, which leaves no shell between npm and us.
import { spawn } from 'node:child_process';

/** How often we look whether npm still lives. */
const PARENT_POLL_MS = 500;

/** How long a helper may take to end before it is killed. */
const HELPER_GRACE_MS = 5000;

/**
 * @typedef {object} Ending how a process ended
 * @property {number} code its exit code; 128 + number of the signal when a signal ended it, as shells count
 * @property {string} output what it wrote, when `capture` was asked for
 */

/** Starts, forwards signals to, and finally outlives the processes of one command. */
export class ProcessFamily {
  /** @type {Set<import('node:child_process').ChildProcess>} */
  #children = new Set();
  /** @type {Set<(signal: NodeJS.Signals) => void>} */
  #onStop = new Set();
  #parentTimer;
  /** The first signal that asked this command to end, or undefined. @type {NodeJS.Signals | undefined} */
  stoppedBy;

  /** @param {{ underNpm: boolean }} options whether the parent is npm, whose death ends the command */
  constructor({ underNpm }) {
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      process.on(signal, () => this.#stop(signal));
    }
    const parent = process.ppid;
    if (underNpm) {
      this.#parentTimer = setInterval(() => {
        if (process.ppid === parent) return;
        clearInterval(this.#parentTimer);
        this.#stop('SIGTERM');
      }, PARENT_POLL_MS);
      this.#parentTimer.unref();
    }
    process.on('exit', () => {
      for (const child of this.#children) child.kill('SIGTERM');
    });
  }

  /**
   * Calls back at every request to end: INT, TERM, HUP or the death of npm.
   * @param {(signal: NodeJS.Signals) => void} listener
   * @returns {() => void} takes the listener away again
   */
  onStop(listener) {
    this.#onStop.add(listener);
    return () => this.#onStop.delete(listener);
  }

  /**
   * Starts a process that belongs to the family.
   * @param {string} command
   * @param {string[]} args
   * @param {import('node:child_process').SpawnOptions} options
   */
  start(command, args, options) {
    const child = spawn(command, args, options);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }

  /**
   * Runs a process to its end. A request to end is passed on to it.
   * @param {string} command
   * @param {string[]} args
   * @param {import('node:child_process').SpawnOptions & { capture?: boolean }} options `capture` collects
   *   stdout and stderr in order instead of showing them
   * @returns {Promise<Ending>}
   */
  async run(command, args, { capture = false, ...options }) {
    if (this.stoppedBy) return { code: 1, output: '' };
    const child = this.start(
      command,
      args,
      capture ? { ...options, stdio: ['ignore', 'pipe', 'pipe'] } : options,
    );
    const forget = this.onStop(() => endChild(child));
    return ending(child).finally(forget);
  }

  /** @param {NodeJS.Signals} signal */
  #stop(signal) {
    this.stoppedBy ??= signal;
    for (const listener of this.#onStop) listener(signal);
  }
}

/**
 * Waits until a process has ended and its output is read.
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<Ending>}
 */
export function ending(child) {
  /** @type {Buffer[]} */
  const output = [];
  child.stdout?.on('data', (data) => output.push(data));
  child.stderr?.on('data', (data) => output.push(data));
  return new Promise((resolve) => {
    // A program that cannot be started ends with 127, as in a shell.
    child.once('error', (error) => resolve({ code: 127, output: String(error) }));
    child.once('close', (code, signal) => {
      resolve({ code: code ?? 128 + signalNumber(signal), output: Buffer.concat(output).toString() });
    });
  });
}

/**
 * Asks a process to end and kills it when it does not.
 * @param {import('node:child_process').ChildProcess} child
 */
export function endChild(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), HELPER_GRACE_MS);
  timer.unref();
  child.once('exit', () => clearTimeout(timer));
}

/** @param {NodeJS.Signals | null} signal */
function signalNumber(signal) {
  return { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[/** @type {'SIGHUP'} */ (signal)] ?? 1;
}
