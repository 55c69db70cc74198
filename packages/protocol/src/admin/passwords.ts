/** Passwords of administrators: how strong one would be, asked before it is chosen, and another in the place of one's own. */
import { z } from 'zod';
import { displayName, mailAddress } from '../schemas.ts';
import { operation } from './operation.ts';

/** Bounds of a password; what else is asked of it, its strength decides. */
export const PASSWORD_LIMITS = { charactersMin: 12, charactersMax: 128 } as const;
/** Of 0 to 4; 3 is out of reach for guessing online and slow for guessing a stolen hash. */
export const PASSWORD_SCORE_MIN = 3;

/** A password as it is sent; looked at closely where it is chosen. */
export const passwordField = z
  .string()
  .min(1)
  .max(PASSWORD_LIMITS.charactersMax * 2);

/** Why a password is not good enough, in sentences for people. */
export const PASSWORD_REASONS = {
  too_short: {
    en: `It has fewer than ${PASSWORD_LIMITS.charactersMin} characters; a sentence of several words is long and easy to remember.`,
    de: `Es hat weniger als ${PASSWORD_LIMITS.charactersMin} Zeichen; ein Satz aus mehreren Wörtern ist lang und leicht zu merken.`,
  },
  too_long: {
    en: `It has more than ${PASSWORD_LIMITS.charactersMax} characters.`,
    de: `Es hat mehr als ${PASSWORD_LIMITS.charactersMax} Zeichen.`,
  },
  breached: {
    en: 'It stands in a list of passwords from breaches, and such lists are tried first.',
    de: 'Es steht in einer Liste von Passwörtern aus Datenlecks, und solche Listen werden zuerst probiert.',
  },
  known_words: {
    en: 'Without your name, your address, your organisation and the name of this product too little is left.',
    de: 'Ohne Ihren Namen, Ihre Adresse, Ihre Organisation und den Namen dieses Produkts bleibt zu wenig übrig.',
  },
  common: {
    en: 'It is one of the most used passwords, or much like one.',
    de: 'Es ist eines der meistbenutzten Passwörter, oder einem sehr ähnlich.',
  },
  single_word: {
    en: 'It is one word; add several that do not belong together.',
    de: 'Es ist ein einzelnes Wort; bitte mehrere ergänzen, die nicht zusammengehören.',
  },
  names: {
    en: 'Names are easy to guess.',
    de: 'Namen sind leicht zu erraten.',
  },
  keyboard: {
    en: 'Keys that lie side by side are easy to guess.',
    de: 'Tasten, die nebeneinander liegen, sind leicht zu erraten.',
  },
  repeats: {
    en: 'Repetitions add next to nothing.',
    de: 'Wiederholungen bringen so gut wie nichts.',
  },
  sequences: {
    en: 'Rows such as abc or 6543 are easy to guess.',
    de: 'Reihen wie abc oder 6543 sind leicht zu erraten.',
  },
  dates: {
    en: 'Dates and years are easy to guess.',
    de: 'Daten und Jahreszahlen sind leicht zu erraten.',
  },
  guessable: {
    en: 'It can be guessed with few tries; add words that do not belong together.',
    de: 'Es lässt sich mit wenigen Versuchen erraten; bitte Wörter ergänzen, die nicht zusammengehören.',
  },
  same_as_before: {
    en: 'It is the one that you have now.',
    de: 'Es ist das, welches Sie jetzt haben.',
  },
} as const satisfies Record<string, { readonly en: string; readonly de: string }>;
export type PasswordReason = keyof typeof PASSWORD_REASONS;

/** Why somebody who has signed in has to choose another password before anything else. */
export const PASSWORD_DUE = ['expired', 'breached'] as const;
export type PasswordDue = (typeof PASSWORD_DUE)[number];

const Strength = z.object({
  /** Whether it would be taken. */
  isGoodEnough: z.boolean(),
  /** How hard it is to guess, and what is asked for at least. */
  score: z.int().min(0).max(4),
  scoreMin: z.int().min(0).max(4),
  /** Why it would not be taken; `says` is in the language of the caller. */
  reasons: z
    .array(
      z.object({
        code: z.enum(Object.keys(PASSWORD_REASONS) as [PasswordReason, ...PasswordReason[]]),
        says: z.string(),
      }),
    )
    .max(10),
});
/** What is said of a password. */
export type PasswordStrength = z.output<typeof Strength>;

const weak = {
  isGoodEnough: false,
  score: 1,
  scoreMin: PASSWORD_SCORE_MIN,
  reasons: [{ code: 'too_short', says: PASSWORD_REASONS.too_short.en }],
};

export const invitationCheckPassword = operation({
  method: 'POST',
  path: '/invitations/check-password',
  summary:
    'Says how strong a password would be, and why it would not be taken, to whoever holds an invitation and has not chosen yet. The password is neither kept nor logged.',
  access: 'public',
  changesNothing: true,
  body: z.object({
    code: z.string().min(1).max(100),
    password: passwordField,
    /** What one is going to be called, which is not to be the password. */
    name: displayName.optional(),
    mail: mailAddress.optional(),
  }),
  result: Strength,
  errors: ['invitation_not_valid'],
  example: { body: { code: 'KV1-7Q2M-…', password: 'Acme 2026', name: 'Anna' }, result: weak },
});

export const passwordCheck = operation({
  method: 'POST',
  path: '/me/password/check',
  summary:
    'Says how strong another password of one’s own would be, and why it would not be taken. It is neither kept nor logged.',
  access: 'signed-in',
  changesNothing: true,
  beforeNewPassword: true,
  body: z.object({ newPassword: passwordField }),
  result: Strength,
  example: { body: { newPassword: 'Acme 2026' }, result: weak },
});

export const passwordChange = operation({
  method: 'PUT',
  path: '/me/password',
  summary:
    'Puts another password in the place of one’s own, and ends all of one’s other sessions. This is what is left to do for whoever was told `password_change_required`.',
  access: 'signed-in',
  stepUp: true,
  beforeNewPassword: true,
  body: z.object({
    /** The one that one has now. */
    password: passwordField,
    newPassword: passwordField,
  }),
  errors: ['sign_in_failed', 'password_weak'],
  example: {
    body: {
      password: 'a long sentence that only I know',
      newPassword: 'another sentence, which is longer still',
    },
  },
});
