/**
 * The text in the QR code of a safety number: `KUVERT:SAFETY:` and base64url without padding of 01 ‖ first 32 bytes of the hash of the one
 * who shows it ‖ first 32 bytes of the other's ‖ CRC-32 of all before.
 */
import { concatBytes } from './bytes.ts';
import { decodeChecked, encodeChecked } from './checked-text.ts';

const PREFIX = 'KUVERT:SAFETY:';
const VERSION = 1;
const HASH_BYTES = 32;

/** What a safety code says: of whoever shows it, and of whom it is for. 32 bytes each. */
export interface SafetyCode {
  readonly shower: Uint8Array;
  readonly scanner: Uint8Array;
}

/** @param code hashes of at least 32 bytes, of which the first 32 are taken */
export function encodeSafetyCode({ shower, scanner }: SafetyCode): string {
  const halves = [shower.subarray(0, HASH_BYTES), scanner.subarray(0, HASH_BYTES)] as const;
  return encodeChecked(PREFIX, concatBytes(Uint8Array.of(VERSION), ...halves));
}

/** Undefined for what is no whole code of this version. */
export function decodeSafetyCode(text: string): SafetyCode | undefined {
  const code = decodeChecked(PREFIX, text, 1 + 2 * HASH_BYTES);
  if (code?.[0] !== VERSION) return undefined;
  return { shower: code.subarray(1, 1 + HASH_BYTES), scanner: code.subarray(1 + HASH_BYTES) };
}

/** True for what is meant to be a code, whole or not. */
export function looksLikeSafetyCode(text: string): boolean {
  return text.startsWith(PREFIX);
}
