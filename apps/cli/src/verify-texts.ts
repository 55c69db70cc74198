/** What `kuvert verify` says, in both languages. */
import type { ExportProblem } from '@kuvert/crypto/transparency';
import type { Language } from './config.ts';

type Code = ExportProblem['code'] | 'incomplete';

/** Sentences by name. Values have been made safe for a terminal by the caller. */
export interface VerifyTexts {
  problem(code: Code, index: number | undefined): string;
  holds(entries: number, origin: string, size: number): string;
  keyNotGiven(key: string): string;
  earlierNotGiven(): string;
}

const EN: Readonly<Record<Code, string>> = {
  'not-an-export': 'This is no export of Kuvert, or its form was changed.',
  signature: 'Something in this file was changed: it is not what the log has signed.',
  'other-key': 'This is signed by another key than the one you gave, or by none.',
  checkpoint: 'The checkpoint is not signed by the log.',
  changed: 'This entry was changed.',
  proof: 'This entry is not in the log.',
  gap: 'Entries are missing.',
  order: 'The entries are not in their order.',
  'earlier-checkpoint': 'The earlier checkpoint is not one of this log and key.',
  'cut-off': 'The log was cut off: it had more entries before.',
  forked: 'The log was rewritten: it does not go on from the earlier checkpoint.',
  'not-compared':
    'The file does not show that the log goes on from the earlier checkpoint. Export it anew, whole or with the size of that checkpoint.',
  incomplete: 'These files are not the whole log. Add the missing ones, or say --part.',
};

const DE: Readonly<Record<Code, string>> = {
  'not-an-export': 'Das ist kein Export von Kuvert, oder seine Form wurde verändert.',
  signature:
    'In dieser Datei wurde etwas verändert: Sie ist nicht das, was das Protokoll unterschrieben hat.',
  'other-key': 'Das ist mit einem anderen als dem angegebenen Schlüssel unterschrieben oder mit keinem.',
  checkpoint: 'Der Prüfpunkt ist nicht vom Protokoll unterschrieben.',
  changed: 'Dieser Eintrag wurde verändert.',
  proof: 'Dieser Eintrag steht nicht im Protokoll.',
  gap: 'Es fehlen Einträge.',
  order: 'Die Einträge stehen nicht in ihrer Reihenfolge.',
  'earlier-checkpoint': 'Der frühere Prüfpunkt ist keiner dieses Protokolls und Schlüssels.',
  'cut-off': 'Das Protokoll wurde abgeschnitten: Es hatte früher mehr Einträge.',
  forked: 'Das Protokoll wurde umgeschrieben: Es setzt den früheren Prüfpunkt nicht fort.',
  'not-compared':
    'Die Datei zeigt nicht, dass das Protokoll den früheren Prüfpunkt fortsetzt. Exportieren Sie neu, ganz oder mit der Größe jenes Prüfpunkts.',
  incomplete:
    'Diese Dateien sind nicht das ganze Protokoll. Geben Sie die fehlenden dazu oder sagen Sie --part.',
};

const en: VerifyTexts = {
  problem: (code, index) => (index === undefined ? EN[code] : `Entry ${index}: ${EN[code]}`),
  holds: (entries, origin, size) =>
    `Everything holds: ${entries} entries of ${origin}, which has ${size}. Nothing was changed or left out.`,
  keyNotGiven: (key) =>
    `Only the key in the file was used. Whoever could make the file could make the key too: compare it with the one you noted down. ${key}`,
  earlierNotGiven: () =>
    'Without an earlier checkpoint nobody can tell whether the log was cut off or made anew. Keep one with each export.',
};

const de: VerifyTexts = {
  problem: (code, index) => (index === undefined ? DE[code] : `Eintrag ${index}: ${DE[code]}`),
  holds: (entries, origin, size) =>
    `Alles stimmt: ${entries} Einträge von ${origin}, das ${size} hat. Nichts wurde verändert oder ausgelassen.`,
  keyNotGiven: (key) =>
    `Nur der Schlüssel in der Datei wurde benutzt. Wer die Datei herstellen kann, kann auch ihn herstellen: Vergleichen Sie ihn mit dem notierten. ${key}`,
  earlierNotGiven: () =>
    'Ohne einen früheren Prüfpunkt kann niemand sagen, ob das Protokoll abgeschnitten oder neu gemacht wurde. Heben Sie mit jedem Export einen auf.',
};

/** The sentences of a language. */
export function verifyTextsIn(language: Language): VerifyTexts {
  return language === 'de' ? de : en;
}
