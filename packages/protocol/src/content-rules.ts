/**
 * What each part of a message must be, in sentences for people: `content_invalid` names the part that is not so, and whoever wrote it is told
 * the rule. `docs/errors.md` lists the same; a test compares the two.
 */
import { CONTENT_LIMITS, TEXT_LIMITS } from './content-shown.ts';

/** A rule in the languages of the error catalogue. */
interface ContentRule {
  readonly en: string;
  readonly de: string;
}

function rule(en: string, de: string): ContentRule {
  return { en, de };
}

const { addresses, descriptionBytes, emojiBytes, fileNameBytes, links, mentions, nameBytes } = CONTENT_LIMITS;
const { pollOptionBytes, pollOptions, pollQuestionBytes, previewBytes, titleBytes, urlBytes } =
  CONTENT_LIMITS;
const textBytes = TEXT_LIMITS.bytesMax;

/** Rules by the names of fields (wire.md §4), without the units at their ends. */
export const CONTENT_RULES: Readonly<Record<string, ContentRule>> = {
  text: rule(
    `A text is not empty and has at most ${textBytes} bytes; what is to be gone is deleted.`,
    `Ein Text ist nicht leer und hat höchstens ${textBytes} Bytes; was weg soll, wird gelöscht.`,
  ),
  mentions: rule(
    `A text names at most ${mentions} people.`,
    `Ein Text nennt höchstens ${mentions} Personen.`,
  ),
  emoji: rule(
    `A reaction is one sign or one word of at most ${emojiBytes} bytes.`,
    `Eine Reaktion ist ein Zeichen oder ein Wort mit höchstens ${emojiBytes} Bytes.`,
  ),
  poll: rule(
    'Only a poll can be answered and ended; this message is none.',
    'Nur eine Umfrage lässt sich beantworten und beenden; diese Nachricht ist keine.',
  ),
  question: rule(
    `The question of a poll stands on one line, is not empty and has at most ${pollQuestionBytes} bytes.`,
    `Die Frage einer Umfrage steht in einer Zeile, ist nicht leer und hat höchstens ${pollQuestionBytes} Bytes.`,
  ),
  options: rule(
    `A poll has 2 to ${pollOptions} answers that all differ, each on one line, not empty and of at most ${pollOptionBytes} bytes.`,
    `Eine Umfrage hat 2 bis ${pollOptions} Antworten, die sich alle unterscheiden, jede in einer Zeile, nicht leer und mit höchstens ${pollOptionBytes} Bytes.`,
  ),
  choices: rule(
    'A vote names answers that the poll has, and only one unless several may be chosen.',
    'Eine Stimme nennt Antworten, die es in der Umfrage gibt, und nur eine, wenn nicht mehrere erlaubt sind.',
  ),
  latitude: rule(
    'A latitude lies between -90 and 90 degrees.',
    'Eine Breite liegt zwischen -90 und 90 Grad.',
  ),
  longitude: rule(
    'A longitude lies between -180 and 180 degrees.',
    'Eine Länge liegt zwischen -180 und 180 Grad.',
  ),
  label: rule(
    `The name of a place stands on one line and has at most ${titleBytes} bytes.`,
    `Der Name eines Ortes steht in einer Zeile und hat höchstens ${titleBytes} Bytes.`,
  ),
  name: rule(
    `A name stands on one line, is not empty and has at most ${nameBytes} bytes, that of a file ${fileNameBytes}.`,
    `Ein Name steht in einer Zeile, ist nicht leer und hat höchstens ${nameBytes} Bytes, der einer Datei ${fileNameBytes}.`,
  ),
  mails: rule(
    `A card has at most ${addresses} addresses, each on one line, not empty and of at most 254 bytes.`,
    `Eine Karte hat höchstens ${addresses} Adressen, jede in einer Zeile, nicht leer und mit höchstens 254 Bytes.`,
  ),
  phones: rule(
    `A card has at most ${addresses} numbers, each on one line, not empty and of at most 64 bytes.`,
    `Eine Karte hat höchstens ${addresses} Nummern, jede in einer Zeile, nicht leer und mit höchstens 64 Bytes.`,
  ),
  organisation: rule(
    `The organisation on a card stands on one line, is not empty and has at most ${nameBytes} bytes.`,
    `Die Organisation auf einer Karte steht in einer Zeile, ist nicht leer und hat höchstens ${nameBytes} Bytes.`,
  ),
  links: rule(`A text has at most ${links} links.`, `Ein Text hat höchstens ${links} Links.`),
  url: rule(
    `A web address begins with http:// or https://, holds no password and has at most ${urlBytes} bytes.`,
    `Eine Webadresse beginnt mit http:// oder https://, enthält kein Passwort und hat höchstens ${urlBytes} Bytes.`,
  ),
  title: rule(
    `The title of a link has at most ${titleBytes} bytes.`,
    `Der Titel eines Links hat höchstens ${titleBytes} Bytes.`,
  ),
  description: rule(
    `What is said about a link has at most ${descriptionBytes} bytes.`,
    `Die Beschreibung eines Links hat höchstens ${descriptionBytes} Bytes.`,
  ),
  preview: rule(
    `A small picture is a JPEG or PNG of at most ${previewBytes} bytes.`,
    `Ein kleines Bild ist ein JPEG oder PNG mit höchstens ${previewBytes} Bytes.`,
  ),
};

/**
 * The rule for the part of a message that `content_invalid` names.
 * @param field as its details have it: the way to the part, such as `links.0.url`
 */
export function contentRuleFor(field: string, language: 'en' | 'de'): string | undefined {
  const named = field
    .split('.')
    .reverse()
    .map((part) => part.replace(/(E7|Bytes|Ms|M)$/, ''));
  const known = named.find((part) => Object.hasOwn(CONTENT_RULES, part));
  return known === undefined ? undefined : CONTENT_RULES[known]?.[language];
}
