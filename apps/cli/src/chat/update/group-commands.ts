/** `/group …`: making and changing groups. What stands behind it is read here; the binding does it. */
import type { Language } from '../../config.ts';
import type { Effect, GroupRequest } from '../model.ts';
import { splitNames } from '../people-named.ts';
import { type ChatState, openItem } from '../state.ts';
import { refuse, type Step, show, step } from './step.ts';

/** What can be done with a group; each name is understood in both languages. */
interface Verb {
  readonly names: Readonly<Record<Language, string>>;
  readonly usage: Readonly<Record<Language, string>>;
  readonly help: Readonly<Record<Language, string>>;
  run(state: ChatState, rest: string): Step | undefined;
}

type Both = [en: string, de: string];

function verb(names: Both, usage: Both, help: Both, run: Verb['run']): Verb {
  const both = ([en, de]: Both) => ({ en, de });
  return { names: both(names), usage: both(usage), help: both(help), run };
}

/** Verbs of `/group`, in the order in which the help tells them. */
export const GROUP_VERBS: readonly Verb[] = [
  verb(
    ['create', 'anlegen'],
    ['TITLE with NAME, NAME', 'TITEL mit NAME, NAME'],
    ['make a group', 'eine Gruppe anlegen'],
    create,
  ),
  verb(['members', 'mitglieder'], ['', ''], ['who is in it', 'wer darin ist'], (state) =>
    inGroup(state, { verb: 'members' }),
  ),
  verb(
    ['add', 'hinzufügen'],
    ['NAME, NAME', 'NAME, NAME'],
    ['let people in', 'Leute aufnehmen'],
    (state, rest) => (rest === '' ? undefined : inGroup(state, { verb: 'add', names: splitNames(rest) })),
  ),
  verb(
    ['remove', 'entfernen'],
    ['NAME, NAME', 'NAME, NAME'],
    ['take people out', 'Leute herausnehmen'],
    (state, rest) => (rest === '' ? undefined : inGroup(state, { verb: 'remove', names: splitNames(rest) })),
  ),
  verb(
    ['role', 'rolle'],
    ['admin | member NAME', 'verwaltung | mitglied NAME'],
    ['let people administer it, or no longer', 'Leute verwalten lassen, oder nicht mehr'],
    changeRole,
  ),
  verb(
    ['title', 'titel'],
    ['TITLE', 'TITEL'],
    ['give it another title', 'ihr einen anderen Titel geben'],
    (state, rest) => (rest === '' ? undefined : inGroup(state, { verb: 'title', title: rest })),
  ),
  verb(
    ['picture', 'bild'],
    ['PATH | off', 'PFAD | aus'],
    ['give it a picture, or take it away', 'ihr ein Bild geben oder es wegnehmen'],
    (state, rest) =>
      rest === ''
        ? undefined
        : inGroup(state, { verb: 'picture', path: ['off', 'aus'].includes(rest) ? undefined : rest }),
  ),
  verb(['leave', 'verlassen'], ['', ''], ['leave it', 'sie verlassen'], (state) =>
    asked(state, { verb: 'leave' }, (title) => state.texts.askLeave(title)),
  ),
  verb(['dissolve', 'auflösen'], ['', ''], ['end it for everybody', 'sie für alle beenden'], (state) =>
    asked(state, { verb: 'dissolve' }, (title) => state.texts.askDissolve(title)),
  ),
  verb(['log', 'protokoll'], ['', ''], ['what was done in it', 'was in ihr getan wurde'], (state) =>
    inGroup(state, { verb: 'log' }),
  ),
];

/** Runs `/group` with what stands behind it; nothing shows who is in the open one. */
export function changeGroup(state: ChatState, rest: string): Step | undefined {
  const [, name = '', more = ''] = /^(\S*)\s*([\s\S]*)$/.exec(rest) ?? [];
  if (name === '') return inGroup(state, { verb: 'members' });
  const [found, ...others] = verbsLike(name);
  if (found === undefined || others.length > 0) return undefined;
  const { texts, language } = state;
  const usage = () => `/${texts.groupCommand()} ${found.names[language]} ${found.usage[language]}`.trim();
  return found.run(state, more.trim()) ?? refuse(state, texts.usage(usage()));
}

/** Verbs that begin like this, in either language; one that is written out is the only one. */
export function verbsLike(beginning: string): readonly Verb[] {
  const typed = beginning.toLowerCase();
  const plain = typed.replaceAll('ü', 'u').replaceAll('ö', 'o');
  const whole = GROUP_VERBS.filter(({ names }) => names.en === typed || names.de === typed);
  if (whole.length > 0) return whole;
  return GROUP_VERBS.filter(({ names }) =>
    [names.en, names.de, names.de.replaceAll('ü', 'u').replaceAll('ö', 'o')].some(
      (name) => name.startsWith(typed) || name.startsWith(plain),
    ),
  );
}

/** The last `with` counts, for a title may have one too. */
function create(state: ChatState, rest: string): Step | undefined {
  const [, title, names = ''] = /^(.+)\s(?:--with|with|mit)\s+(.+)$/su.exec(rest) ?? [];
  if (title === undefined) return undefined;
  const request: GroupRequest = { verb: 'create', title: unquoted(title.trim()), names: splitNames(names) };
  return step(state, { do: 'group', id: undefined, request });
}

function changeRole(state: ChatState, rest: string): Step | undefined {
  const [, word = '', names = ''] = /^(\S+)\s+([\s\S]+)$/.exec(rest) ?? [];
  const role = ROLES[word.toLowerCase()];
  return role === undefined ? undefined : inGroup(state, { verb: 'role', role, names: splitNames(names) });
}

const ROLES: Readonly<Record<string, 'admin' | 'member'>> = {
  admin: 'admin',
  verwaltung: 'admin',
  member: 'member',
  mitglied: 'member',
};

function inGroup(state: ChatState, request: GroupRequest): Step {
  const item = openItem(state);
  if (item?.group === undefined) return refuse(state, state.texts.needsGroup());
  return step(state, { do: 'group', id: item.id, request });
}

function asked(state: ChatState, request: GroupRequest, questionOf: (title: string) => string): Step {
  const item = openItem(state);
  if (item?.group === undefined) return refuse(state, state.texts.needsGroup());
  const effects: Effect[] = [{ do: 'group', id: item.id, request }];
  return step(show(state, { kind: 'confirm', question: questionOf(item.name), effects }));
}

function unquoted(text: string): string {
  return /^(["'„“”])(.+)(["'“”])$/s.exec(text)?.[2] ?? text;
}
