/** The thread of `vacuum.ts`. */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Database } from '@signalapp/sqlcipher';
import { sqliteCode } from './file-errors.ts';
import type { VacuumWork } from './vacuum.ts';

const { file, to, key } = workerData as VacuumWork;
const db = new Database(file);
let failure: string | undefined;
try {
  db.pragma('cipher_log_level = NONE');
  db.pragma(`key = "x'${Buffer.from(key).toString('hex')}'"`);
  db.prepare('VACUUM INTO ?').run([to]);
} catch (error) {
  failure = sqliteCode(error) || (error as Error).name;
} finally {
  db.close();
}
if (failure === undefined) {
  const handle = openSync(to, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
parentPort?.postMessage(failure);
