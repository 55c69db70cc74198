/**
 * The writer thread: owns every open file. It never waits for anything but the disk and is ended by a message, never by
 * `terminate`, which aborts the process while SQLite is busy. What it imports is read once for each lane, so nothing of it goes through the
 * front door of `@kuvert/protocol`, behind which all schemas stand: 13 MB and 0.1 s of CPU for each thread.
 */
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { DiskReserve } from './disk-reserve.ts';
import { OpenError, sqliteCode } from './file-errors.ts';
import { LoggedFile } from './logged-file.ts';
import { syncFolder } from './sync-folder.ts';
import type { FromThread, ThreadSettings, ToThread } from './thread-messages.ts';
import { runGroup, type Surroundings } from './work-group.ts';

const port = parentPort;
if (port === null) throw new Error('this file runs as a worker thread');
const settings = workerData as ThreadSettings;
const files = new Map<number, LoggedFile>();

const reserve = new DiskReserve(settings.folder, settings.reserveBytes);
let steps = 0;

const surroundings: Surroundings = {
  reserve,
  step() {
    if (settings.killAtStep !== undefined && ++steps === settings.killAtStep)
      process.kill(process.pid, 'SIGKILL');
  },
};

function say(message: FromThread, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}

function open(message: Extract<ToThread, { kind: 'open' }>): void {
  try {
    files.set(
      message.space,
      new LoggedFile({
        ...message,
        keyHex: message.key,
        layouts: settings.layouts,
        reserveBytes: settings.reserveBytes,
      }),
    );
    if (message.create) syncFolder(dirname(message.file));
    say({ kind: 'opened', space: message.space, failure: undefined, detail: '' });
  } catch (error) {
    if (!(error instanceof OpenError)) throw error;
    say({ kind: 'opened', space: message.space, failure: error.failure, detail: error.message });
  }
}

function runBatch({ groups }: Extract<ToThread, { kind: 'batch' }>): void {
  groups.forEach((group, number) => {
    const file = files.get(group.space);
    if (file === undefined) throw new Error('work on a space that is not open');
    const answers = runGroup(file, group, surroundings, (reads) =>
      say({ kind: 'answers', group: number, answers: reads, isDone: false }, [reads.buffer]),
    );
    const work = group.work.buffer;
    const isDone = number === groups.length - 1;
    say({ kind: 'answers', group: number, answers, work, isDone }, [answers.buffer, work]);
  });
  for (const { space } of groups) {
    const file = files.get(space);
    file?.rows.indexYoung();
    file?.foldLong();
  }
}

let folding: NodeJS.Timeout | undefined;
let foldByMs = 0;

/** Folds when there has been nothing to do for half of the time after which it has to be, so that it mostly keeps nobody waiting. */
function foldLater(): void {
  const nowMs = performance.now();
  if (folding === undefined) foldByMs = nowMs + settings.foldAfterMs;
  clearTimeout(folding);
  folding = setTimeout(
    () => {
      folding = undefined;
      guarded(() => {
        for (const file of files.values()) if (file.isBehind) file.settle();
      });
    },
    Math.max(0, Math.min(settings.foldAfterMs / 2, foldByMs - nowMs)),
  );
}

function closeAll(): void {
  clearTimeout(folding);
  for (const file of files.values()) file.close();
  files.clear();
  port?.close();
}

/** Whatever goes wrong in `work` ends the store. */
function guarded(work: () => void): void {
  try {
    work();
  } catch (error) {
    // Codes only: a driver's message can hold names of what is stored.
    say({ kind: 'failed', detail: sqliteCode(error) || (error instanceof Error ? error.name : 'unknown') });
    clearTimeout(folding);
    port?.removeAllListeners('message');
    port?.close();
  }
}

port.on('message', (message: ToThread) =>
  guarded(() => {
    if (message.kind === 'batch') {
      runBatch(message);
      foldLater();
    } else if (message.kind === 'open') open(message);
    else if (message.kind === 'close-space') {
      files.get(message.space)?.close();
      files.delete(message.space);
    } else closeAll();
  }),
);
