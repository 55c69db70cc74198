/**
 * What one process saw, written down outside of everything that is killed or cut. Lines carry the machine's monotonic time, which all
 * processes share, so that the notebooks of a campaign merge into one ledger in which order is evidence.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { ReplayEvidence } from '@kuvert/client-core/node';
import type { ErrorCode } from '@kuvert/protocol';
import type { LedgerEvent, MessageRef } from '../ledger/events.ts';

/** A replay that somebody was told of. */
export interface ToldReplay extends Omit<ReplayEvidence, 'legHash'> {
  readonly device: string;
  readonly legHash: string;
}

/**
 * A line: an event of the ledger, the word that the profile will not show this message again, why an own message waits, or a replay that
 * was told.
 */
export type NotebookLine = { readonly t: string } & (
  | { readonly event: LedgerEvent }
  | { readonly marked: MessageRef }
  | { readonly waits: { readonly messageId: string; readonly problem: ErrorCode } }
  | { readonly replay: ToldReplay }
);

/** A notebook that is being written. */
export class Notebook {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a', 0o600);
    // A kill may have torn the last line; the next one begins anew.
    writeSync(this.#file, '\n');
  }

  /** Writes events down; they are on disk when this returns. */
  record(...events: readonly LedgerEvent[]): void {
    this.#write(events.map((event) => ({ event })));
  }

  recordMarked(marked: MessageRef): void {
    this.#write([{ marked }]);
  }

  /** No evidence, but what helps to understand it. */
  recordWaiting(messageId: string, problem: ErrorCode): void {
    this.#write([{ waits: { messageId, problem } }]);
  }

  /** As {@link Notebook.recordWaiting}. */
  recordReplay(replay: ToldReplay): void {
    this.#write([{ replay }]);
  }

  #write(lines: readonly object[]): void {
    const t = String(process.hrtime.bigint());
    writeSync(this.#file, lines.map((line) => `${JSON.stringify({ t, ...line })}\n`).join(''));
    fsyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Reads a notebook; a torn line is left out. */
export function readNotebook(path: string): NotebookLine[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as NotebookLine];
      } catch {
        return [];
      }
    });
}

/** One ledger of several notebooks, in order of time. */
export function mergeNotebooks(paths: readonly string[]): LedgerEvent[] {
  return paths
    .flatMap((path) => readNotebook(path))
    .flatMap((line) => ('event' in line ? [{ t: BigInt(line.t), event: line.event }] : []))
    .sort((a, b) => (a.t < b.t ? -1 : a.t > b.t ? 1 : 0))
    .map(({ event }) => event);
}
