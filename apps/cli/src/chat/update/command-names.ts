/** What commands are called that other parts of the screen write for somebody. */
import type { Language } from '../../config.ts';

const GERMAN: Readonly<Record<string, string>> = {
  reply: 'antworten',
  react: 'reagieren',
  vote: 'abstimmen',
  save: 'sichern',
  edit: 'ändern',
};

/** @param name in English */
export function commandName(name: string, language: Language): string {
  return language === 'de' ? (GERMAN[name] ?? name) : name;
}
