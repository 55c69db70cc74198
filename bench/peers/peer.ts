/** Servers that are measured, and how a load process is let loose on one. */
import { fileURLToPath } from 'node:url';
import type { Child, Children } from '@kuvert/testkit';
import type { Job, JobResult, Order } from '../load/job.ts';
import type { PeerAddress } from '../load/network.ts';

/** A kind of server that can be started any number of times, one at a time; several kinds stand side by side. */
export interface Peer {
  readonly name: string;
  start(): Promise<RunningPeer>;
}

/** A server that runs. */
export interface RunningPeer {
  readonly address: PeerAddress;
  /** What it has said so far, for whoever has to find out why a run failed. */
  readonly log: string;
  stop(): Promise<void>;
}

const LOAD_CLIENT = fileURLToPath(new URL('../load/main.ts', import.meta.url));
/** Without it V8 looks through the whole heap every few megabytes that sockets bring, for as long as a run lasts: up to half of a client's time. */
const LOAD_CLIENT_FLAGS = ['--initial-heap-size=512'];
/** No warming up and no turn takes longer. */
const ORDER_MS = 180_000;

/** A process that runs one job. Whatever fails or takes too long throws an error with what it said. */
export class Load {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Resolves when it is connected and warmed up. */
  static async start(children: Children, job: Job): Promise<Load> {
    const load = new Load(
      children.start(process.execPath, [...LOAD_CLIENT_FLAGS, LOAD_CLIENT], { ipc: true }),
    );
    await ask(load.#child, job, ORDER_MS);
    return load;
  }

  async turn(): Promise<void> {
    await ask(this.#child, 'turn' satisfies Order, ORDER_MS);
  }

  finish(): Promise<JobResult> {
    return ask(this.#child, 'finish' satisfies Order, ORDER_MS);
  }
}

/** Tells a child something and gives its answer. @throws Error when it ends before, or takes longer than this */
export function ask<T>(child: Child, message: string | number | object, timeMs: number): Promise<T> {
  child.process.send(message);
  return messageOf<T>(child, timeMs);
}

/** The first message of a child. @throws Error when it ends before, or takes longer than this */
export async function messageOf<T>(child: Child, timeMs: number): Promise<T> {
  const limit = setTimeout(() => child.kill('SIGKILL'), timeMs);
  try {
    return await new Promise<T>((resolve, reject) => {
      child.process.once('message', (message) => resolve(message as T));
      child.ended.then(
        ({ code, signal }) => reject(new Error(`a process ended with ${code ?? signal}: ${child.stderr}`)),
        reject,
      );
    });
  } finally {
    clearTimeout(limit);
  }
}
