/** What can go wrong with a SQLCipher file, in words of the driver and in those that an operator gets to see. */
import type { OpenFailure } from './thread-messages.ts';

/** A file that cannot be opened, with the code that the operator gets to see. */
export class OpenError extends Error {
  readonly failure: OpenFailure;
  constructor(failure: OpenFailure, detail: string) {
    super(detail);
    this.failure = failure;
  }
}

/** The code of a driver error, `''` for anything else. */
export function sqliteCode(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '');
}

/** What an operator gets to see of a driver's error. */
export function openErrorFrom(error: unknown): OpenError {
  if (error instanceof OpenError) return error;
  const code = sqliteCode(error);
  if (code.startsWith('SQLITE_NOTADB')) return new OpenError('keys_wrong', code);
  if (code.startsWith('SQLITE_FULL')) return new OpenError('disk_full', code);
  return new OpenError('data_damaged', code === '' ? String((error as Error).message) : code);
}
