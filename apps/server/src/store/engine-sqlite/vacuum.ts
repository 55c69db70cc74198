/** Copies one file into another under the same key, on a thread of its own: a large one takes its time. */
import { Worker } from 'node:worker_threads';
import { KuvertError } from '@kuvert/protocol';

/** What the thread is given. */
export interface VacuumWork {
  readonly file: string;
  /** Must not exist. */
  readonly to: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** @throws KuvertError `disk_full`, `data_damaged` */
export async function vacuumInto(work: VacuumWork): Promise<void> {
  const thread = new Worker(new URL('./vacuum-thread.ts', import.meta.url), { workerData: work });
  const failure = await new Promise<string | undefined>((resolve, reject) => {
    thread.once('message', (message: string | undefined) => resolve(message));
    thread.once('error', reject);
  });
  if (failure === undefined) return;
  throw new KuvertError(failure.startsWith('SQLITE_FULL') ? 'disk_full' : 'data_damaged', {
    cause: new Error(failure),
  });
}
