/** The chat's sentences by language. */
import type { Language } from '../../config.ts';
import type { ChatTexts } from './chat-texts.ts';
import { de } from './de.ts';
import { en } from './en.ts';

export type { ChatTexts } from './chat-texts.ts';

/** The sentences in one language. */
export function chatTextsIn(language: Language): ChatTexts {
  return language === 'de' ? de : en;
}
