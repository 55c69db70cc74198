/**
 * Whether a password is good enough: long, and not easy to guess for somebody who knows the languages, the person and the product. No rules on which characters (ASVS
 * 5.0 6.2.5), and no change by date (6.2.10).
 */
import { type ErrorDetails, KuvertError } from '@kuvert/protocol';
import { PASSWORD_LIMITS } from '@kuvert/protocol/admin';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import type { BreachedPasswords } from './breached-passwords.ts';

/** Of 0 to 4; 3 is out of reach for guessing online and slow for guessing a stolen hash. */
const SCORE_MIN = 3;
const PRODUCT_WORDS = ['kuvert', 'messenger', 'passwort', 'password', 'administrator'];

let estimator: ZxcvbnFactory | undefined;

/** The word lists take a moment and some memory, so they are read when the first password is chosen. */
async function loadEstimator(): Promise<ZxcvbnFactory> {
  const [common, en, de] = await Promise.all([
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
    import('@zxcvbn-ts/language-de'),
  ]);
  estimator ??= new ZxcvbnFactory({
    graphs: common.adjacencyGraphs,
    dictionary: { ...common.dictionary, ...en.dictionary, ...de.dictionary },
  });
  return estimator;
}

/**
 * @param breached what is known from breaches
 * @param words what somebody would try first: names, address, organisation
 * @throws KuvertError `password_weak` with the reason as a code word, and a score of 0 to 4 where there is one
 */
export async function requireStrongPassword(
  password: string,
  words: readonly string[],
  breached: Pick<BreachedPasswords, 'has'>,
): Promise<void> {
  const characters = [...password.normalize('NFC')].length;
  const { charactersMin, charactersMax } = PASSWORD_LIMITS;
  if (characters < charactersMin) throw weak({ reason: 'too_short', charactersMin });
  if (characters > charactersMax) throw weak({ reason: 'too_long', charactersMax });
  const known = [
    ...words,
    ...words.flatMap((word) => word.split(/[^\p{L}\p{N}]+/u)),
    ...PRODUCT_WORDS,
  ].filter((word) => word.length > 2);
  if (await breached.has(password)) throw weak({ reason: 'breached' });
  const estimate = (await loadEstimator()).check(password, known);
  if (estimate.score < SCORE_MIN) {
    throw weak({ reason: estimate.feedback.warning || 'guessable', score: estimate.score });
  }
  // What everybody here knows counts for nothing, however many of such words are strung together.
  const rest = withoutWords(password, known);
  const { score } = rest.length === password.length ? estimate : (await loadEstimator()).check(rest);
  if (score < SCORE_MIN) throw weak({ reason: 'known_words', score });
}

function withoutWords(password: string, words: readonly string[]): string {
  const longestFirst = words.map((word) => word.toLowerCase()).sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, word) => rest.replaceAll(word, ''), password.toLowerCase());
}

function weak(details: ErrorDetails): KuvertError {
  return new KuvertError('password_weak', { details });
}
