/** Keys as people write them. */
import type { Language } from '../../config.ts';

const WORDS: Readonly<Record<string, Readonly<Record<Language, string>>>> = {
  ctrl: { en: 'Ctrl', de: 'Strg' },
  alt: { en: 'Alt', de: 'Alt' },
  shift: { en: 'Shift', de: 'Umschalt' },
  up: { en: '↑', de: '↑' },
  down: { en: '↓', de: '↓' },
  left: { en: '←', de: '←' },
  right: { en: '→', de: '→' },
  pageup: { en: 'PgUp', de: 'Bild↑' },
  pagedown: { en: 'PgDn', de: 'Bild↓' },
  home: { en: 'Home', de: 'Pos1' },
  end: { en: 'End', de: 'Ende' },
  enter: { en: 'Enter', de: 'Enter' },
  escape: { en: 'Esc', de: 'Esc' },
  tab: { en: 'Tab', de: 'Tab' },
};

/** `ctrl-home` becomes `Ctrl-Home` or `Strg-Pos1`. */
export function keyName(name: string, language: Language): string {
  return name
    .split('-')
    .map((part) => WORDS[part]?.[language] ?? part.toUpperCase())
    .join('-');
}
