/** What is shown once: codes of an authenticator app (RFC 6238), recovery codes, invitation codes. */
import { LABELS } from '@kuvert/protocol';
import { RECOVERY_CODES } from '@kuvert/protocol/admin';
import { generateSecret, generateURI, verifySync } from 'otplib';
import type { Random } from '../../clock.ts';
import { secretHash } from './secret-hash.ts';

/** A step before and after the present one, because clocks of phones differ. */
const TOLERANCE_S = 30;
/** 120 bits, so that a plain hash of it can be kept. */
const CODE_BYTES = 15;
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** A new secret for an authenticator app. */
export function newTotpSecret(): string {
  return generateSecret();
}

/** The same as the text of a QR code. */
export function totpUri(secret: string, mail: string): string {
  return generateURI({ issuer: 'Kuvert', label: mail, secret });
}

/**
 * The time step of a code that is right now and was not used.
 * @param afterStep the step accepted last, 0 before the first
 * @returns undefined when it is wrong, too old or a repetition
 */
export function acceptTotp(
  code: string,
  known: { readonly secret: string; readonly afterStep: number; readonly nowMs: number },
): number | undefined {
  const result = verifySync({
    secret: known.secret,
    token: code,
    epoch: Math.floor(known.nowMs / 1_000),
    epochTolerance: TOLERANCE_S,
    afterTimeStep: known.afterStep,
  });
  return result.valid ? (result as { timeStep: number }).timeStep : undefined;
}

/** Ten recovery codes as text, and what is kept of them. */
export function newRecoveryCodes(random: Random): { codes: string[]; hashes: Uint8Array<ArrayBuffer>[] } {
  const codes = Array.from({ length: RECOVERY_CODES }, () => newCode(random));
  return { codes, hashes: codes.map((code) => hashOfCode(code, 'recoveryCode')) };
}

/** A code that people can type: 24 characters in groups of four. */
export function newCode(random: Random): string {
  let bits = 0n;
  for (const byte of random(CODE_BYTES)) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let at = 0; at < (CODE_BYTES * 8) / 5; at++, bits >>= 5n) text += ALPHABET[Number(bits & 31n)];
  return text.replace(/(.{4})(?=.)/g, '$1-');
}

/** What is kept of a code. Case, spaces and dashes do not count, nor letters that look like digits. */
export function hashOfCode(
  code: string,
  label: 'recoveryCode' | 'invitationCode' | 'browserCode',
): Uint8Array<ArrayBuffer> {
  const plain = code.toLowerCase().replaceAll(/[\s-]/g, '').replaceAll('o', '0').replaceAll(/[il]/g, '1');
  return secretHash(LABELS[label], plain);
}
