/**
 * A ledger that grows while a test runs. With a file it is written line by line before `record` returns, so that what a killed
 * recorder had seen is still there.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { checkLedger } from './checker.ts';
import type { LedgerEvent } from './events.ts';
import type { Finding, FindingCode } from './finding.ts';

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

  /** The same in short, for a test to compare with `{}`: how many of each kind, and the first of them. */
  verdict(): Partial<Record<FindingCode, { count: number; first: Finding }>> {
    const verdict: Partial<Record<FindingCode, { count: number; first: Finding }>> = {};
    for (const finding of this.findings()) {
      const entry = verdict[finding.code];
      if (entry) entry.count += 1;
      else verdict[finding.code] = { count: 1, first: finding };
    }
    return verdict;
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
