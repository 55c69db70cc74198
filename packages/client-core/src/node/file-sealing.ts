/**
 * Who computes while a file is sealed: this thread for what takes some milliseconds, another one for large files, because sealing and hashing them
 * takes as long as sending them and would take turns with it; starting a thread takes as long as sealing the smallest of them. The other thread ends some time after the last file.
 */
import { Worker } from 'node:worker_threads';
import { FileSealer, LARGE_BYTES_MIN, type SealingOrder } from '../attachments/file-sealer.ts';
import type { Sealer } from '../attachments/ports.ts';
import type { SealingAnswer, SealingQuestion } from './file-sealing-messages.ts';

/** Whoever sends one large file may send the next. */
const IDLE_MS = 10_000;

/** @see the top of this file */
export function openSealer(order: SealingOrder): Sealer {
  if (order.sizeBytes >= LARGE_BYTES_MIN) return sealInThread(order);
  const sealer = new FileSealer(order);
  return {
    async seal(batch, memory) {
      sealer.seal(batch, memory);
      return memory;
    },
    finish: async () => sealer.finish(),
    wipe: () => sealer.wipe(),
  };
}

let running: SealingThread | undefined;
let files = 0;

function sealInThread(order: SealingOrder): Sealer {
  if (running === undefined || running.isOver) running = new SealingThread();
  const thread = running;
  const file = ++files;
  thread.begin();
  // What it throws, every later question throws too.
  thread.ask({ file, kind: 'begin', order }).catch(() => undefined);
  return {
    async seal(batch, memory) {
      const moved = [memory.plain.buffer, memory.sealed.buffer];
      const answer = await thread.ask({ file, kind: 'seal', batch, memory }, moved);
      if (answer.memory === undefined) throw new Error('the thread that seals has kept memory');
      return answer.memory;
    },
    async finish() {
      const { hashes } = await thread.ask({ file, kind: 'finish' });
      if (hashes === undefined) throw new Error('the thread that seals has no hashes');
      return hashes;
    },
    wipe() {
      thread.ask({ file, kind: 'drop' }).catch(() => undefined);
      thread.end();
    },
  };
}

class SealingThread {
  readonly #worker = new Worker(new URL('./file-sealing-thread.ts', import.meta.url));
  readonly #asked: { resolve(answer: SealingAnswer): void; reject(error: Error): void }[] = [];
  #files = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;

  constructor() {
    this.#worker.on('message', (answer: SealingAnswer) => {
      const question = this.#asked.shift();
      if (this.#asked.length === 0) this.#worker.unref();
      if (answer.error === undefined) question?.resolve(answer);
      else question?.reject(new Error(answer.error));
    });
    this.#worker.on('error', (error) => this.#fail(error as Error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread that seals has ended')));
    this.#worker.unref();
  }

  /** It answers nothing any more. */
  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  begin(): void {
    this.#files++;
    clearTimeout(this.#idleTimer);
  }
  end(): void {
    if (--this.#files > 0) return;
    this.#idleTimer = setTimeout(() => {
      this.#fail(new Error('the thread that seals was ended'));
      void this.#worker.terminate();
    }, IDLE_MS);
    this.#idleTimer.unref();
  }

  /** @param moved memory that is the thread's until it answers */
  ask(question: SealingQuestion, moved: ArrayBuffer[] = []): Promise<SealingAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      // A process does not end while it waits for an answer.
      this.#worker.ref();
      this.#asked.push({ resolve, reject });
      this.#worker.postMessage(question, moved);
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(error);
  }
}
