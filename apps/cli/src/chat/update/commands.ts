/** Commands: lines that begin with `/`. Each has its name in both languages, and the help is made from this table. */
import type { Language } from '../../config.ts';
import type { ChatState } from '../state.ts';
import {
  deleteMessage,
  jumpToDate,
  jumpToUnread,
  labelDevice,
  mute,
  openNamed,
  openSafety,
  revokeDevice,
  setTheme,
  setTimer,
  toEdge,
  togglePin,
  verify,
  withOpen,
  withPerson,
} from './command-actions.ts';
import { readEarlier, scrollPage } from './conversation.ts';
import { changeGroup, GROUP_VERBS } from './group-commands.ts';
import { actOn, composing, poll, showVersions } from './message-actions.ts';
import { refuse, type Step, show, step } from './step.ts';
import { choose, openHelp, openLink, openPeople, openSearch } from './views.ts';

/** One command. */
export interface Command {
  /** Names in both languages; all of them are always understood. */
  readonly names: Readonly<Record<Language, string>>;
  /** What stands behind the name. */
  readonly usage: Readonly<Record<Language, string>>;
  readonly help: Readonly<Record<Language, string>>;
  /** @returns undefined when what stands behind the name is wrong */
  run(state: ChatState, rest: string): Step | undefined;
}

function command(
  names: [en: string, de: string],
  usage: [en: string, de: string],
  help: [en: string, de: string],
  run: Command['run'],
): Command {
  const both = ([en, de]: [string, string]) => ({ en, de });
  return { names: both(names), usage: both(usage), help: both(help), run };
}

const NONE: [string, string] = ['', ''];

function groupUsage(language: Language): string {
  return GROUP_VERBS.map(({ names }) => names[language]).join(' | ');
}

/** All commands, in the order in which the help shows them. */
export const COMMANDS: readonly Command[] = [
  command(['help', 'hilfe'], NONE, ['keys and commands', 'Tasten und Befehle'], (state) => openHelp(state)),
  command(
    ['write', 'schreiben'],
    ['NAME', 'NAME'],
    ['begin a conversation with somebody', 'eine Unterhaltung beginnen'],
    (state, rest) => (rest === '' ? openPeople(state) : step(state, { do: 'begin', mail: rest })),
  ),
  command(
    ['open', 'öffnen'],
    ['NAME or NUMBER', 'NAME oder NUMMER'],
    ['open a conversation', 'eine Unterhaltung öffnen'],
    openNamed,
  ),
  command(['list', 'liste'], NONE, ['go to the conversations', 'zu den Unterhaltungen'], (state) =>
    step({ ...state, focus: 'list', listAsked: state.listAsked + 1, view: { kind: 'none' } }),
  ),
  command(
    ['people', 'leute'],
    NONE,
    ['everybody you can write to', 'alle, denen Sie schreiben können'],
    openPeople,
  ),
  command(
    ['unread', 'ungelesen'],
    NONE,
    ['to the first unread message', 'zur ersten ungelesenen Nachricht'],
    jumpToUnread,
  ),
  command(
    ['search', 'suche'],
    ['WORDS', 'WÖRTER'],
    ['find words in all messages', 'Wörter in allen Nachrichten finden'],
    openSearch,
  ),
  command(
    ['date', 'datum'],
    ['2026-11-03', '3.11.2026'],
    ['jump to a day', 'zu einem Tag springen'],
    jumpToDate,
  ),
  command(['earlier', 'früher'], NONE, ['older messages', 'ältere Nachrichten'], (state) =>
    withOpen(state, (open) => (open.isPlain ? readEarlier(open) : scrollPage(open, -1))),
  ),
  command(['start', 'anfang'], NONE, ['to the first message', 'zur ersten Nachricht'], (state) =>
    withOpen(state, (open) => toEdge(open, 'start')),
  ),
  command(['end', 'ende'], NONE, ['to the newest message', 'zur neuesten Nachricht'], (state) =>
    withOpen(state, (open) => toEdge(open, 'end')),
  ),
  command(
    ['pin', 'anheften'],
    NONE,
    ['pin the conversation, or unpin it', 'die Unterhaltung anheften oder lösen'],
    togglePin,
  ),
  command(
    ['mute', 'stumm'],
    ['8h | off', '8h | aus'],
    ['mute the conversation', 'die Unterhaltung stumm schalten'],
    mute,
  ),
  command(
    ['timer', 'frist'],
    ['1d | off', '1t | aus'],
    ['messages disappear after they were read', 'Nachrichten verschwinden nach dem Lesen'],
    setTimer,
  ),
  command(
    ['delete', 'löschen'],
    ['here | mine | everywhere [NUMBER]', 'hier | meine | überall [NUMMER]'],
    [
      'delete the chosen message, or the one of that number, 1 is the newest',
      'die gewählte Nachricht löschen, oder die dieser Nummer, 1 ist die neueste',
    ],
    deleteMessage,
  ),
  command(
    ['file', 'datei'],
    ['PATH [| TEXT]', 'PFAD [| TEXT]'],
    ['send a file, up to 2 GB; Tab completes', 'eine Datei senden, bis 2 GB; Tab ergänzt'],
    composing('file'),
  ),
  command(
    ['voice', 'sprachnachricht'],
    ['PATH', 'PFAD'],
    ['send a sound as a voice message', 'einen Ton als Sprachnachricht senden'],
    composing('voice'),
  ),
  command(
    ['place', 'ort'],
    ['48.137,11.575[,NAME]', '48.137,11.575[,NAME]'],
    ['send a place', 'einen Ort senden'],
    composing('place'),
  ),
  command(
    ['contact', 'kontakt'],
    ['MAIL, or NAME | MAIL | NUMBER', 'MAIL, oder NAME | MAIL | NUMMER'],
    ['send a card', 'eine Karte senden'],
    composing('contact'),
  ),
  command(
    ['poll', 'umfrage'],
    ['[*] QUESTION | ANSWER | ANSWER', '[*] FRAGE | ANTWORT | ANTWORT'],
    ['ask; with * several answers may be chosen', 'fragen; mit * sind mehrere Antworten möglich'],
    poll,
  ),
  command(
    ['endpoll', 'umfrageende'],
    ['[#NUMBER]', '[#NUMMER]'],
    ['end a poll of yours', 'eine eigene Umfrage beenden'],
    actOn('endPoll'),
  ),
  command(
    ['web', 'netz'],
    ['ADDRESS [TEXT]', 'ADRESSE [TEXT]'],
    [
      'send a web address; this machine looks at the page for its title, readers do not',
      'eine Webadresse senden; dieses Gerät sieht nach ihrem Titel, Leser tun es nicht',
    ],
    composing('web'),
  ),
  command(
    ['versions', 'fassungen'],
    ['[#NUMBER]', '[#NUMMER]'],
    ['all texts that a message has had', 'alle Texte, die eine Nachricht hatte'],
    showVersions,
  ),
  command(
    ['save', 'sichern'],
    ['[#NUMBER] [FOLDER]', '[#NUMMER] [ORDNER]'],
    ['save the file of a message, #1 is the newest', 'die Datei einer Nachricht sichern, #1 ist die neueste'],
    actOn('save'),
  ),
  command(
    ['reply', 'antworten'],
    ['[#NUMBER] TEXT', '[#NUMMER] TEXT'],
    ['answer a message', 'auf eine Nachricht antworten'],
    actOn('reply'),
  ),
  command(
    ['edit', 'ändern'],
    ['[#NUMBER] TEXT', '[#NUMMER] TEXT'],
    ['give a message of yours another text', 'einer eigenen Nachricht einen anderen Text geben'],
    actOn('edit'),
  ),
  command(
    ['react', 'reagieren'],
    ['[#NUMBER] [SIGN]', '[#NUMMER] [ZEICHEN]'],
    [
      'react to a message; without a sign that is taken back',
      'auf eine Nachricht reagieren; ohne Zeichen zurücknehmen',
    ],
    actOn('react'),
  ),
  command(
    ['vote', 'abstimmen'],
    ['[#NUMBER] 1 [2 …]', '[#NUMMER] 1 [2 …]'],
    ['answer a poll', 'eine Umfrage beantworten'],
    actOn('vote'),
  ),
  command(
    ['group', 'gruppe'],
    [groupUsage('en'), groupUsage('de')],
    ['who is in the open group', 'wer in der offenen Gruppe ist'],
    changeGroup,
  ),
  command(
    ['safety', 'sicherheit'],
    NONE,
    ['compare safety numbers', 'Sicherheitsnummern vergleichen'],
    openSafety,
  ),
  command(
    ['accept', 'annehmen'],
    NONE,
    [
      'write to the new keys without comparing them',
      'den neuen Schlüsseln schreiben, ohne sie zu vergleichen',
    ],
    (state) => withPerson(state, ({ id }) => step(state, { do: 'acceptKeys', id })),
  ),
  command(
    ['verify', 'geprüft'],
    ['[NUMBER | off]', '[NUMMER | aus]'],
    ['the safety number was compared', 'die Sicherheitsnummer wurde verglichen'],
    verify,
  ),
  command(['devices', 'geräte'], NONE, ['your devices', 'Ihre Geräte'], (state) =>
    step(show(state, { kind: 'devices', selected: 0, devices: undefined }), { do: 'devices' }),
  ),
  command(
    ['label', 'benennen'],
    ['NUMBER NAME', 'NUMMER NAME'],
    ['name a device of the list', 'ein Gerät der Liste benennen'],
    labelDevice,
  ),
  command(
    ['revoke', 'sperren'],
    ['NUMBER', 'NUMMER'],
    ['revoke a device of the list', 'ein Gerät der Liste sperren'],
    revokeDevice,
  ),
  command(
    ['link', 'verbinden'],
    ['[CODE]', '[CODE]'],
    ['let a new device in', 'ein neues Gerät zulassen'],
    openLink,
  ),
  command(
    ['settings', 'einstellungen'],
    NONE,
    ['receipts, typing, presence', 'Bestätigungen, Tippen, Anwesenheit'],
    (state) => step(show(state, { kind: 'settings', selected: 0, settings: undefined }), { do: 'settings' }),
  ),
  command(
    ['choose', 'wählen'],
    ['NUMBER', 'NUMMER'],
    ['take one of what was listed last', 'eines aus der letzten Liste nehmen'],
    (state, rest) => choose(state, Number(rest) - 1),
  ),
  command(
    ['theme', 'farben'],
    ['dark | light | none', 'dunkel | hell | keine'],
    ['colours', 'Farben'],
    setTheme,
  ),
  command(['connect', 'neu'], NONE, ['try to connect now', 'jetzt verbinden'], (state) =>
    step(state, { do: 'connectNow' }),
  ),
  command(['quit', 'beenden'], NONE, ['leave', 'das Programm verlassen'], (state) =>
    step(state, { do: 'quit' }),
  ),
];

/** Other words that people try. */
const ALIASES: Readonly<Record<string, string>> = {
  exit: 'quit',
  q: 'quit',
  new: 'write',
  to: 'write',
  neu: 'write',
  an: 'write',
  find: 'search',
  jump: 'date',
  number: 'safety',
  unpin: 'pin',
  unmute: 'mute off',
  offnen: 'open',
  gerate: 'devices',
  loschen: 'delete',
  wahlen: 'choose',
  fruher: 'earlier',
  gepruft: 'verify',
  andern: 'edit',
  attach: 'file',
  location: 'place',
  card: 'contact',
  '?': 'help',
};

function findCommand(name: string): Command | undefined {
  return COMMANDS.find(({ names }) => names.en === name || names.de === name);
}

/** Commands whose name begins like this, for the line below what is written. */
export function commandsLike(beginning: string, language: Language): readonly Command[] {
  const typed = beginning.toLowerCase();
  const own = COMMANDS.filter(({ names }) => names[language].startsWith(typed));
  return own.length > 0 ? own : COMMANDS.filter(({ names }) => names.en.startsWith(typed));
}

/** The command that is meant by a name, also by one that was cut short. */
export function commandNamed(name: string, state: ChatState): Command | undefined {
  const wanted = name.toLowerCase();
  const [alias = ''] = (ALIASES[wanted] ?? '').split(' ');
  return findCommand(wanted) ?? (alias === '' ? undefined : findCommand(alias)) ?? only(wanted, state);
}

/** Runs a line that begins with `/`. */
export function runCommand(state: ChatState, line: string): Step {
  const [, name = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(line) ?? [];
  const [, aliasRest = ''] = (ALIASES[name.toLowerCase()] ?? '').split(' ');
  const found = commandNamed(name, state);
  if (found === undefined) return refuse(state, state.texts.unknownCommand(name));
  return (
    found.run(state, (rest.trim() === '' ? aliasRest : rest).trim()) ?? refuse(state, usageOf(found, state))
  );
}

function usageOf({ names, usage }: Command, { language, texts }: ChatState): string {
  return texts.usage(`/${names[language]} ${usage[language]}`);
}

/** A beginning that only one command has. */
function only(beginning: string, { language }: ChatState): Command | undefined {
  const like = beginning.length < 2 ? [] : commandsLike(beginning, language);
  return like.length === 1 ? like[0] : undefined;
}
