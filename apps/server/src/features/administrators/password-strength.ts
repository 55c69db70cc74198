/**
 * Whether a password is good enough: long, and not easy to guess for somebody who knows the languages, the person and the product. No rules on which characters (ASVS
 * 5.0 6.2.5), and no change by date (6.2.10).
 */
import { type ErrorDetails, KuvertError } from '@kuvert/protocol';
import { PASSWORD_LIMITS } from '@kuvert/protocol/admin';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';

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
 * @param words what somebody would try first: names, address, organisation
 * @throws KuvertError `password_weak` with the reason as a code word, and a score of 0 to 4 where there is one
 */
export async function requireStrongPassword(password: string, words: readonly string[]): Promise<void> {
  const characters = [...password.normalize('NFC')].length;
  const { charactersMin, charactersMax } = PASSWORD_LIMITS;
  if (characters < charactersMin) throw weak({ reason: 'too_short', charactersMin });
  if (characters > charactersMax) throw weak({ reason: 'too_long', charactersMax });
  const parts = words
    .flatMap((word) => [word, ...word.split(/[^\p{L}\p{N}]+/u)])
    .filter((word) => word.length > 2);
  const { score, feedback } = (await loadEstimator()).check(password, [...parts, ...PRODUCT_WORDS]);
  if (score < SCORE_MIN) throw weak({ reason: feedback.warning || 'guessable', score });
}

function weak(details: ErrorDetails): KuvertError {
  return new KuvertError('password_weak', { details });
}
