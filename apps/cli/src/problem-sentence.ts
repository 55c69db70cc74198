/** Why a message waits, in a sentence for people. */
import { type ErrorCode, sentenceFor } from '@kuvert/protocol';
import type { Language } from './config.ts';

/** What the server has said of itself would be taken for something of this machine. */
const OF_SERVER: Partial<Record<ErrorCode, Readonly<Record<Language, string>>>> = {
  disk_full: {
    en: 'The server has no room for it; it goes out as soon as there is some. Whoever runs the server can make some.',
    de: 'Der Server hat keinen Platz dafür; es geht hinaus, sobald welcher da ist. Wer den Server betreibt, kann Platz schaffen.',
  },
};

/** @param problem a refusal of the server that something waits for */
export function problemSentence(problem: ErrorCode, language: Language): string {
  return OF_SERVER[problem]?.[language] ?? sentenceFor(problem, language);
}
