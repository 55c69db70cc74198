/** What `kuvert safety` says, in both languages. */
import type { Verification } from '@kuvert/client-core';
import type { Language } from './config.ts';

interface SafetyTexts {
  verification(state: Verification): string;
  held(): string;
  how(): string;
}

const en: SafetyTexts = {
  verification: (state) =>
    ({
      unverified: 'You have not compared this safety number yet.',
      verified: 'You have compared this safety number, and the keys are still the same.',
      changed: 'You had compared a safety number, but the keys have changed since: compare again.',
    })[state],
  held: () => 'Messages to this person wait until you compare the number or accept the keys with --accept.',
  how: () =>
    'Compare the digits with those on the other screen, in person or by phone, or scan its code; then give them to --verify.',
};

const de: SafetyTexts = {
  verification: (state) =>
    ({
      unverified: 'Sie haben diese Sicherheitsnummer noch nicht verglichen.',
      verified: 'Sie haben diese Sicherheitsnummer verglichen, und die Schlüssel sind noch dieselben.',
      changed:
        'Sie hatten eine Sicherheitsnummer verglichen, aber die Schlüssel haben sich seither geändert: Bitte vergleichen Sie neu.',
    })[state],
  held: () =>
    'Nachrichten an diese Person warten, bis Sie die Nummer vergleichen oder die Schlüssel mit --accept annehmen.',
  how: () =>
    'Vergleichen Sie die Ziffern mit denen auf dem anderen Bildschirm, persönlich oder am Telefon, oder lesen Sie dessen Code ein; dann nennen Sie sie bei --verify.',
};

/** The sentences in one language. */
export function safetyTextsIn(language: Language): SafetyTexts {
  return language === 'de' ? de : en;
}
