/** Answers of the administration API for people: one line for each row of a list, one for each field of a single thing. */
import type { Language } from '../config.ts';
import { showLine } from '../terminal-text.ts';
import { adminTextsIn, fieldName } from './admin-texts.ts';

/** A row of a list in one line: its fields, widest use first as the API orders them. */
export function rowLine(row: object, language: Language): string {
  return Object.values(row)
    .filter((value) => value !== null)
    .map((value) => showValue(value, language))
    .join('  ');
}

/** A single thing, a line for each field. */
export function thingLines(thing: object, language: Language): string {
  const entries = Object.entries(thing).filter(([, value]) => value !== null && value !== undefined);
  if (entries.length === 0) return adminTextsIn(language).done;
  return entries
    .map(([name, value]) => `${fieldName(name, language)}: ${showValue(value, language)}`)
    .join('\n');
}

function showValue(value: unknown, language: Language): string {
  if (typeof value === 'boolean') return adminTextsIn(language).yes(value);
  if (typeof value === 'object' && value !== null) return showLine(JSON.stringify(value));
  return showLine(String(value));
}
