/** What the help tells of commands: one line for each, and for each thing that can be done with a group. */
import type { Language } from '../../config.ts';
import { COMMANDS } from './commands.ts';
import { GROUP_VERBS } from './group-commands.ts';

/** A command as it is written, and what it does. */
export interface CommandHelp {
  readonly written: string;
  readonly help: string;
}

/** All of them, in the order in which they are told. */
export function commandHelp(language: Language): readonly CommandHelp[] {
  return COMMANDS.flatMap(({ names, usage, help }) => {
    const name = `/${names[language]}`;
    if (names.en !== 'group') return [{ written: `${name} ${usage[language]}`.trim(), help: help[language] }];
    const verbs = GROUP_VERBS.map((verb) => ({
      written: `${name} ${verb.names[language]} ${verb.usage[language]}`.trim(),
      help: verb.help[language],
    }));
    return [{ written: name, help: help[language] }, ...verbs];
  });
}
