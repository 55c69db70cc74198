/**
 * A ledger that grows while a test runs. With a file it is written line by line before `record` returns, so that what a killed
 * recorder had seen is still there.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { checkLedger } from './checker.ts';
import type { LedgerEvent } from './events.ts';
import type { Finding } from './finding.ts';

/** Records events and checks them. */
export class Ledger {
  readonly #events: LedgerEvent[];
  readonly #file: number | undefined;

  /** @param path where the events are kept as JSON lines; without one they are kept in memory only */
  constructor(path?: string) {
    this.#events = [];
    this.#file = path === undefined ? undefined : openSync(path, 'a', 0o600);
  }

  /** Adds an event. */
  record(event: LedgerEvent): void {
    if (this.#file !== undefined) {
      writeSync(this.#file, `${JSON.stringify(event)}\n`);
      fsyncSync(this.#file);
    }
    this.#events.push(event);
  }

  /** Everything so far, in order. */
  get events(): readonly LedgerEvent[] {
    return this.#events;
  }

  /** What speaks against P1 to P4. */
  findings(): Finding[] {
    return checkLedger(this.#events);
  }

  /** Closes the file. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

/** Reads a ledger's file; a last line that a kill cut off is left out. */
export function readLedger(path: string): LedgerEvent[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as LedgerEvent);
}
