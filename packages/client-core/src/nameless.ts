/** People whom this device knows by their ids only: to whom another device of one's own was the first to write, and members of groups. Who they are is asked once on a connection. */
import type { GroupId, PersonId } from '@kuvert/protocol';
import type { Context } from './context.ts';
import type { Directory } from './directory.ts';
import type { Errands } from './errands.ts';
import type { GroupRow } from './groups/store.ts';

const NAMES_AT_ONCE = 1_000;
/** Of a larger group names are asked for when somebody wants to see them (`Groups.learnNames`): so many would ask at once when it is made. */
const GROUP_OF_NAMES_MAX = 32;

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
    for (const group of this.#context.store.groups.list()) this.#learnThoseOf(group);
  }

  /** Asks for members of a group that is not large. */
  learnMembers(groupId: GroupId): void {
    const group = this.#context.store.groups.get(groupId);
    if (group !== undefined) this.#learnThoseOf(group);
  }

  #learnThoseOf(group: GroupRow): void {
    const { store, own, changes } = this.#context;
    if (group.state.members.length > GROUP_OF_NAMES_MAX) return;
    const nameless = group.state.members
      .map(({ person }) => person)
      .filter((person) => person !== own.personId && !this.#asked.has(person))
      .filter((person) => store.directory.getPerson(person) === undefined);
    if (nameless.length === 0) return;
    for (const person of nameless) this.#asked.add(person);
    this.#errands.run(async (connection) => {
      for (const person of nameless) await this.#directory.learnPerson(connection, person);
      changes.settingsOf(group.conversationId);
      changes.entriesOf(group.conversationId);
    });
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
