/** Servers that are measured, and how a load process is let loose on one. */
import { fileURLToPath } from 'node:url';
import { type Child, Children } from '@kuvert/testkit';
import type { Job, JobResult } from '../load/job.ts';
import type { PeerAddress } from '../load/network.ts';

/** A kind of server that can be started any number of times, one at a time. */
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
/** No scenario takes longer. */
const JOB_MS = 180_000;

/** Runs one job in a process of its own. @throws Error with what it said when it fails or takes too long */
export async function runJob(job: Job): Promise<JobResult> {
  await using children = new Children();
  const child = children.start(process.execPath, [...LOAD_CLIENT_FLAGS, LOAD_CLIENT], { ipc: true });
  child.process.send(job);
  return await messageOf<JobResult>(child, JOB_MS);
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
