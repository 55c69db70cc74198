/** What the binding does about people: everybody whom one can write to, and who is meant by what somebody types. */
import type { Profile } from '@kuvert/client-core/node';
import type { ConversationId, Person, PersonId } from '@kuvert/protocol';
import type { ChatEvent } from './model.ts';
import { peopleNamed } from './people-named.ts';
import type { ChatTexts } from './texts/texts.ts';

/** Names that are shown of several that are meant. */
const NAMES_SHOWN = 8;

/** @see the top of this file */
export class PeopleBinding {
  readonly #profile: Profile;
  readonly #texts: ChatTexts;
  readonly #tell: (event: ChatEvent) => void;
  #people: readonly Person[] = [];

  constructor(options: { profile: Profile; texts: ChatTexts; tell: (event: ChatEvent) => void }) {
    this.#profile = options.profile;
    this.#texts = options.texts;
    this.#tell = options.tell;
  }

  /** The name of somebody, as this profile knows it, or as {@link PeopleBinding.show} has brought it. */
  nameOf(id: PersonId): string | undefined {
    const known = this.#profile.person(id)?.name;
    return known ?? this.#people.find((person) => person.personId === id)?.name;
  }

  /** Everybody, first as known, then as the server has it. */
  async show(): Promise<void> {
    const known = JSON.stringify(this.#people);
    if (this.#people.length > 0) this.#tellPeople();
    this.#people = await this.#profile.people();
    if (this.#people.length === 0 || JSON.stringify(this.#people) !== known) this.#tellPeople();
  }

  #tellPeople(): void {
    const own = this.#profile.whoami().personId;
    const people = this.#people
      .filter(({ personId }) => personId !== own)
      .map(({ personId, name, mail }) => ({ id: personId, name, mail }));
    this.#tell({ kind: 'people', people });
  }

  /**
   * The conversation with somebody; undefined when it was told that nobody or several are meant.
   * @param wanted an address, or a name that only one person has
   */
  async begin(wanted: string): Promise<ConversationId | undefined> {
    const typed = wanted.trim().toLowerCase();
    const find = (): readonly Person[] => peopleNamed(this.#people, wanted);
    if (find().length !== 1) this.#people = await this.#profile.people();
    const found = find();
    const [one] = found;
    if (found.length > 1) {
      const names = found.slice(0, NAMES_SHOWN).map(({ name, mail }) => `${name} <${mail}>`);
      this.#tell({ kind: 'told', sentence: this.#texts.severalNamed(names.join(', ')), isError: true });
      return undefined;
    }
    // Without a connection nobody can say whether an address exists; what is written to it waits and is told then.
    const isGuess = one === undefined && !this.#profile.isConnected && /^\S+@\S+$/.test(typed);
    if (one === undefined && !isGuess) {
      this.#tell({ kind: 'told', sentence: this.#texts.nobodyNamed(wanted), isError: true });
      return undefined;
    }
    return this.#profile.conversationAt(one?.mail ?? typed);
  }
}
