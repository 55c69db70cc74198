/** What Tab completes in the line in which one writes: commands, what stands behind them, people after an `@`. */
import type { Effect } from '../model.ts';
import { type ChatState, openItem } from '../state.ts';
import { withText } from '../text/editor.ts';
import { commandNamed, commandsLike } from './commands.ts';
import { verbsLike } from './group-commands.ts';
import { type Step, step, tell } from './step.ts';

/** Commands that are followed by a path, and what may stand before it. */
const PATHS: Readonly<Record<string, { readonly before: RegExp; readonly isFolder: boolean }>> = {
  file: { before: /^/, isFolder: false },
  voice: { before: /^/, isFolder: false },
  save: { before: /^(?:#\d{1,4}\s+)?/, isFolder: true },
  group: { before: /^(?:picture|bild)\s+/, isFolder: false },
};
/** Commands that are followed by people. */
const PEOPLE = ['write', 'open', 'contact'];
const NAMES_SHOWN = 20;

/** @returns undefined when there is nothing that Tab could complete; it then means what it means elsewhere */
export function complete(state: ChatState): Step | undefined {
  const { editor, focus } = state;
  if (focus !== 'input') return undefined;
  // What stands behind the cursor stays; only the end of a line is completed.
  if (editor.cursor !== editor.text.length) return undefined;
  if (!editor.text.startsWith('/') || editor.text.startsWith('//')) return completeMention(state);
  const [, name = '', space, rest = ''] = /^\/(\S*)(\s+)?([\s\S]*)$/.exec(editor.text) ?? [];
  if (space === undefined) return completeName(state, name);
  const command = commandNamed(name, state)?.names.en;
  if (command === undefined) return step(state);
  const path = PATHS[command];
  const before = path?.before.exec(rest)?.[0];
  if (path !== undefined && before !== undefined) {
    const typed = rest.slice(before.length);
    const head = editor.text.slice(0, editor.text.length - typed.length);
    const effect: Effect = {
      do: 'complete',
      line: editor.text,
      before: head,
      typed,
      isFolder: path.isFolder,
    };
    return step(state, effect);
  }
  if (command === 'group') return completeVerb(state, rest);
  return PEOPLE.includes(command) ? completePerson(state, rest) : step(state);
}

function completeName(state: ChatState, name: string): Step {
  const { editor, language } = state;
  const [first] = commandsLike(name, language);
  if (first === undefined) return step(state);
  const full =
    language === 'de' && first.names.de.startsWith(name.toLowerCase()) ? first.names.de : first.names.en;
  return step({ ...state, editor: withText(editor, `/${full} `) });
}

/** What stands behind `/group`: what to do, then whom to do it to. */
function completeVerb(state: ChatState, rest: string): Step {
  const { editor, language } = state;
  const [, verb = '', space, more = ''] = /^(\S*)(\s+)?([\s\S]*)$/.exec(rest) ?? [];
  const [one, ...others] = verbsLike(verb);
  if (one === undefined) return step(state);
  if (space !== undefined) {
    const takesPeople = ['add', 'remove', 'role', 'create'].includes(one.names.en);
    return takesPeople ? completePerson(state, more) : step(state);
  }
  if (others.length > 0) {
    return step(tell(state, [one, ...others].map(({ names }) => names[language]).join('   ')));
  }
  const full = one.names.de.startsWith(verb) && language === 'de' ? one.names.de : one.names.en;
  return step({
    ...state,
    editor: withText(editor, `${editor.text.slice(0, editor.text.length - rest.length)}${full} `),
  });
}

/** The last of several names, or the only one. */
function completePerson(state: ChatState, rest: string): Step {
  const { people, editor } = state;
  if (people === undefined) return step(state, { do: 'people' });
  // After the last comma, the word that begins the list, or the role.
  const typed = rest.split(/,\s*|\s(?:with|mit)\s+|^(?:admin|member|verwaltung|mitglied)\s+/u).at(-1) ?? rest;
  return fill(state, typed, (name) => editor.text.slice(0, editor.text.length - typed.length) + name);
}

function completeMention(state: ChatState): Step | undefined {
  const { editor, people } = state;
  const [, typed] = /(?:^|[\s(])@([\p{L}\p{N}][^\s@]*(?: [^\s@]+)?)$/u.exec(editor.text) ?? [];
  if (typed === undefined || openItem(state) === undefined) return undefined;
  if (people === undefined) return step(state, { do: 'people' });
  return fill(state, typed, (name) => `${editor.text.slice(0, editor.text.length - typed.length)}${name} `);
}

/** People whose name or address begins so; one is written out, several are named. */
function fill(state: ChatState, typed: string, textOf: (name: string) => string): Step {
  const begun = typed.toLowerCase();
  const like = (state.people ?? []).filter(({ name, mail }) =>
    [name, mail].some((one) => one.toLowerCase().startsWith(begun)),
  );
  const [one, ...others] = like;
  if (one === undefined) return step(state);
  if (others.length === 0) {
    const full = one.name.toLowerCase().startsWith(begun) ? one.name : one.mail;
    return step({ ...state, editor: withText(state.editor, textOf(full)) });
  }
  const names = like.slice(0, NAMES_SHOWN).map(({ name }) => name);
  return step(tell(state, names.join('   ')));
}
