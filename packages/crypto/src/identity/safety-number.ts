/**
 * Safety numbers over account keys (design.md §7): two people compare 60 digits, or scan a code, and know that no server has put other
 * keys between them. The construction is Signal's numeric fingerprint, version 2 of its format (signalapp/libsignal,
 * rust/protocol/src/fingerprint.rs), which libsignal itself offers for its own key type only; account keys are Ed25519, so it is
 * built here and compared with libsignal's in the tests:
 *
 *   H₀ = SHA-512(00 00 ‖ key ‖ identifier ‖ key);  Hₙ = SHA-512(Hₙ₋₁ ‖ key), 5,200 hashes in all
 *   half of the number = first 30 bytes of the last, each 5 bytes big-endian modulo 100,000 as 5 digits
 *   number = both halves, the smaller one first
 *
 * `key` is the account key with its algorithm byte; `identifier` is "kuvert/safety-number/1" ‖ tenant ‖ person. The code holds
 * both hashes, so scanning it compares both directions (`safety-code.ts` of the protocol).
 */
import { createHash } from 'node:crypto';
import {
  concatBytes,
  decodeSafetyCode,
  encodeSafetyCode,
  equalBytes,
  idToBytes,
  LABELS,
  looksLikeSafetyCode,
  type PersonId,
  type TenantId,
  utf8,
} from '@kuvert/protocol';

const ROUNDS = 5_200;
const VERSION = new Uint8Array(2);
const HALF_BYTES = 30;
const CODE_HASH_BYTES = 32;

/** Whose keys are compared. */
export interface SafetyParty {
  readonly personId: PersonId;
  /** 33 bytes. */
  readonly accountKey: Uint8Array;
}

/** What two people compare. */
export interface SafetyNumber {
  /** 60 digits, the same on both sides. */
  readonly number: string;
  /** Text of a QR code for the other person to scan. */
  readonly code: string;
}

/** How something that a person was shown compares with the own number. */
export type SafetyComparison = 'equal' | 'different' | 'malformed';

/** @see the top of this file */
export function safetyNumber(parties: {
  readonly tenantId: TenantId;
  readonly own: SafetyParty;
  readonly other: SafetyParty;
}): SafetyNumber {
  const { own, other } = hashesOf(parties);
  const halves = [digitsOf(own), digitsOf(other)].sort();
  return { number: halves.join(''), code: encodeSafetyCode({ shower: own, scanner: other }) };
}

/**
 * Compares a number that the other person has read out, in whatever groups, or the code from their screen. One's own code is
 * `different`: it proves nothing.
 */
export function compareSafetyNumber(
  parties: Parameters<typeof safetyNumber>[0],
  shown: string,
): SafetyComparison {
  const text = shown.trim();
  if (looksLikeSafetyCode(text)) {
    const code = decodeSafetyCode(text);
    if (code === undefined) return 'malformed';
    const { own, other } = hashesOf(parties);
    const isSame =
      equalBytes(code.shower, other.subarray(0, CODE_HASH_BYTES)) &&
      equalBytes(code.scanner, own.subarray(0, CODE_HASH_BYTES));
    return isSame ? 'equal' : 'different';
  }
  const digits = text.replaceAll(/[\s\p{Pd}.,]/gu, '');
  if (!/^[0-9]{60}$/.test(digits)) return 'malformed';
  return digits === safetyNumber(parties).number ? 'equal' : 'different';
}

function hashesOf({ tenantId, own, other }: Parameters<typeof safetyNumber>[0]) {
  const identifier = (party: SafetyParty) =>
    concatBytes(utf8(LABELS.safetyNumber), idToBytes(tenantId), idToBytes(party.personId));
  return {
    own: fingerprintOf(own.accountKey, identifier(own)),
    other: fingerprintOf(other.accountKey, identifier(other)),
  };
}

/** One side's hash, 64 bytes. */
export function fingerprintOf(key: Uint8Array, identifier: Uint8Array): Uint8Array<ArrayBuffer> {
  let hash: Uint8Array = createHash('sha512')
    .update(VERSION)
    .update(key)
    .update(identifier)
    .update(key)
    .digest();
  for (let round = 1; round < ROUNDS; round++) hash = createHash('sha512').update(hash).update(key).digest();
  return Uint8Array.from(hash);
}

/** 30 digits. */
export function digitsOf(fingerprint: Uint8Array): string {
  let digits = '';
  for (let at = 0; at < HALF_BYTES; at += 5) {
    let value = 0;
    for (const byte of fingerprint.subarray(at, at + 5)) value = value * 256 + byte;
    digits += String(value % 100_000).padStart(5, '0');
  }
  return digits;
}
