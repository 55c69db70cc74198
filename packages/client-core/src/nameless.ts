/** People to whom another device of one's own was the first to write: who they are is asked once on a connection. */
import type { PersonId } from '@kuvert/protocol';
import type { Context } from './context.ts';
import type { Directory } from './directory.ts';
import type { Errands } from './errands.ts';

const NAMES_AT_ONCE = 1_000;

/** @see the top of this file */
export class Nameless {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #errands: Errands;
  readonly #asked = new Set<PersonId>();

  constructor(context: Context, directory: Directory, errands: Errands) {
    this.#context = context;
    this.#directory = directory;
    this.#errands = errands;
  }

  /** There is a new connection: everybody may be asked for once more. */
  connected(): void {
    this.#asked.clear();
    this.learn();
  }

  /** Asks for those who were not asked for yet. */
  learn(): void {
    const { store, changes } = this.#context;
    const nameless = store.conversations
      .listNameless(NAMES_AT_ONCE)
      .filter(({ personId }) => !this.#asked.has(personId));
    if (nameless.length === 0) return;
    for (const { personId } of nameless) this.#asked.add(personId);
    this.#errands.run(async (connection) => {
      for (const { personId, conversationId } of nameless) {
        await this.#directory.learnPerson(connection, personId);
        changes.settingsOf(conversationId);
      }
    });
  }
}
