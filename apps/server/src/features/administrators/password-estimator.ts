/**
 * Estimates how many tries a password takes, in a thread of its own: the word lists take half a second to read and some passwords as long to estimate, in which the server would deliver
 * nothing. The thread is started for the first question and ends when nobody has asked for a while.
 */
import { Worker } from 'node:worker_threads';
import { KuvertError } from '@kuvert/protocol';

const IDLE_MS = 60_000;
const WAITING_MAX = 32;

/** An estimate of 0 to 4, and what it warns of, in the words of zxcvbn; empty for nothing. */
export interface Estimate {
  readonly score: number;
  readonly warning: string;
}

/** What goes to the thread and comes back. */
export interface EstimateQuestion {
  readonly id: number;
  readonly password: string;
  /** What somebody would try first. */
  readonly known: readonly string[];
}
export interface EstimateAnswer extends Estimate {
  readonly id: number;
}

interface Waiting {
  resolve(estimate: Estimate): void;
  reject(error: unknown): void;
}

let worker: Worker | undefined;
let idle: NodeJS.Timeout | undefined;
let last = 0;
const waiting = new Map<number, Waiting>();

/** @throws KuvertError `overloaded` when too many wait */
export async function estimatePassword(password: string, known: readonly string[]): Promise<Estimate> {
  if (waiting.size >= WAITING_MAX) throw new KuvertError('overloaded');
  clearTimeout(idle);
  worker ??= start();
  const id = ++last;
  const answer = new Promise<Estimate>((resolve, reject) => waiting.set(id, { resolve, reject }));
  worker.postMessage({ id, password, known } satisfies EstimateQuestion);
  // A thread that waits for questions keeps no process from ending, one that works does.
  worker.ref();
  return answer;
}

function start(): Worker {
  const started = new Worker(new URL('./password-estimator-thread.ts', import.meta.url));
  started.on('message', ({ id, score, warning }: EstimateAnswer) => {
    waiting.get(id)?.resolve({ score, warning });
    waiting.delete(id);
    if (waiting.size > 0) return;
    started.unref();
    idle = setTimeout(stop, IDLE_MS).unref();
  });
  const fail = (cause: unknown) => {
    if (worker === started) worker = undefined;
    for (const one of waiting.values()) one.reject(new KuvertError('internal', { cause }));
    waiting.clear();
  };
  started.on('error', fail);
  started.on('exit', () => fail(new Error('the thread has ended')));
  return started;
}

function stop(): void {
  const ending = worker;
  worker = undefined;
  ending?.removeAllListeners('exit');
  void ending?.terminate();
}
