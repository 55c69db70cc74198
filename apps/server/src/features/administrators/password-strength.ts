/**
 * Whether a password is good enough: long, and not easy to guess for somebody who knows the languages, the person, the organisation and the product. No rules on which
 * characters (ASVS 5.0 6.2.5). The same judgement is told before a password is chosen and decides when it is.
 */
import { KuvertError } from '@kuvert/protocol';
import {
  PASSWORD_LIMITS,
  PASSWORD_REASONS,
  PASSWORD_SCORE_MIN,
  type PasswordReason,
  type PasswordStrength,
} from '@kuvert/protocol/admin';
import type { BreachedPasswords } from './breached-passwords.ts';
import { estimatePassword } from './password-estimator.ts';

const PRODUCT_WORDS = ['kuvert', 'messenger', 'passwort', 'password', 'administrator'];

/** What the estimator warns of, in our words. */
const REASONS: { readonly [warning: string]: PasswordReason } = {
  straightRow: 'keyboard',
  keyPattern: 'keyboard',
  simpleRepeat: 'repeats',
  extendedRepeat: 'repeats',
  sequences: 'sequences',
  recentYears: 'dates',
  dates: 'dates',
  topTen: 'common',
  topHundred: 'common',
  common: 'common',
  similarToCommon: 'common',
  pwned: 'common',
  wordByItself: 'single_word',
  namesByThemselves: 'names',
  commonNames: 'names',
  userInputs: 'known_words',
};

/** A judgement: of 0 to 4, and what speaks against it. */
export interface Judgement {
  readonly score: number;
  /** None for a password that is good enough. */
  readonly reasons: readonly PasswordReason[];
}

/**
 * @param breached what is known from breaches
 * @param words what somebody would try first: names, address, organisation
 * @throws KuvertError `overloaded` when too many ask at once
 */
export async function judgePassword(
  password: string,
  words: readonly string[],
  breached: Pick<BreachedPasswords, 'has'>,
): Promise<Judgement> {
  const characters = [...password.normalize('NFC')].length;
  const { charactersMin, charactersMax } = PASSWORD_LIMITS;
  // Not looked at: how long that takes grows with the length.
  if (characters > charactersMax) return { score: 0, reasons: ['too_long'] };
  const known = [
    ...words,
    ...words.flatMap((word) => word.split(/[^\p{L}\p{N}]+/u)),
    ...PRODUCT_WORDS,
  ].filter((word) => word.length > 2);
  const estimate = await estimatePassword(password, known);
  // What everybody here knows counts for nothing, however many of such words are strung together.
  const rest = withoutWords(password, known);
  const restScore =
    rest.length === password.length ? estimate.score : (await estimatePassword(rest, [])).score;
  const isBreached = await breached.has(password);
  const isGuessable = estimate.score < PASSWORD_SCORE_MIN;
  const reasons = new Set<PasswordReason>();
  if (characters < charactersMin) reasons.add('too_short');
  if (isBreached) reasons.add('breached');
  if (isGuessable) reasons.add(REASONS[estimate.warning] ?? 'guessable');
  if (!isGuessable && restScore < PASSWORD_SCORE_MIN) reasons.add('known_words');
  return { score: isBreached ? 0 : Math.min(estimate.score, restScore), reasons: [...reasons] };
}

/** The same as it is told, in the language of whoever asks. */
export function strengthOf({ score, reasons }: Judgement, language: 'en' | 'de'): PasswordStrength {
  return {
    isGoodEnough: reasons.length === 0,
    score,
    scoreMin: PASSWORD_SCORE_MIN,
    reasons: reasons.map((code) => ({ code, says: PASSWORD_REASONS[code][language] })),
  };
}

/** @throws KuvertError `password_weak` with the reasons as code words, and a score of 0 to 4 */
export function requireStrong({ score, reasons }: Judgement): void {
  const [reason] = reasons;
  if (reason !== undefined) throw new KuvertError('password_weak', { details: { reason, reasons, score } });
}

function withoutWords(password: string, words: readonly string[]): string {
  const longestFirst = words.map((word) => word.toLowerCase()).sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, word) => rest.replaceAll(word, ''), password.toLowerCase());
}
