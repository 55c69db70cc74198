/** Why a message waits, in a sentence for people. */
import { type ErrorCode, sentenceFor } from '@kuvert/protocol';
import type { Language } from './config.ts';

/** Where the sentence of the catalogue would be taken for something of this machine, or does not say that the message goes out by itself. */
const OF_WAITING: Partial<Record<ErrorCode, Readonly<Record<Language, string>>>> = {
  disk_full: {
    en: 'The server has no room for it; it goes out as soon as there is some. Whoever runs the server can make some.',
    de: 'Der Server hat keinen Platz dafür; es geht hinaus, sobald welcher da ist. Wer den Server betreibt, kann Platz schaffen.',
  },
  attachment_quota: {
    en: 'The server has no room for more files of yours or of your organisation now; it goes out as soon as older ones are deleted or expire.',
    de: 'Der Server hat gerade keinen Platz für weitere Dateien von Ihnen oder Ihrer Organisation; es geht hinaus, sobald ältere gelöscht werden oder ablaufen.',
  },
};

/** @param problem a refusal of the server that something waits for */
export function problemSentence(problem: ErrorCode, language: Language): string {
  return OF_WAITING[problem]?.[language] ?? sentenceFor(problem, language);
}
