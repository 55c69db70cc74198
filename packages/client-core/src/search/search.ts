/** Finding old words in the container (A8). Nothing of it leaves the device. */
import type { ConversationId, PersonId } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { viewOf } from '../conversations/entry-view.ts';
import type { EntryId, MessageEntry } from '../conversations/types.ts';
import { fold, tokensOf } from './fold.ts';
import { Matcher, type MatchRange } from './matches.ts';
import { parseQuery } from './query.ts';

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 1_000;
const CONVERSATIONS_MAX = 100_000;
/** Words for the person of this profile after `from:`. */
const ME = new Set(['me', 'myself', 'ich', 'mir', 'mich']);

/** How much is asked for, and where to go on. */
export interface SearchOptions {
  /** 1 to 1,000; 50 unless told. */
  readonly limit?: number;
  /** As {@link SearchPage.older} of the page before. */
  readonly before?: EntryId;
  /** Only in this conversation. */
  readonly conversationId?: ConversationId;
}

/** A message that was found. */
export interface FoundMessage {
  readonly entry: MessageEntry;
  /** Where in its text the words are. */
  readonly matches: readonly MatchRange[];
}

/** Found messages, newest first. */
export interface SearchPage {
  readonly found: readonly FoundMessage[];
  /** Give as `before` for older ones; undefined when there are none. */
  readonly older: EntryId | undefined;
}

/** Messages that fit the query; what can be typed is told in `query.ts`. Nothing is found by a query without words or filters. */
export function searchMessages(context: Context, input: string, options: SearchOptions = {}): SearchPage {
  const { store, clock } = context;
  const query = parseQuery(input, clock.now());
  const { terms, without, fromMs, beforeMs } = query;
  const hasFilter =
    query.from.length > 0 || query.with.length > 0 || fromMs !== undefined || beforeMs !== undefined;
  if (terms.length === 0 && !hasFilter) return { found: [], older: undefined };
  const limit = Math.min(Math.max(1, Math.floor(options.limit ?? LIMIT_DEFAULT)), LIMIT_MAX);
  const people = query.from.length + query.with.length > 0 ? new KnownPeople(context) : undefined;
  const within = query.with.length > 0 ? people?.conversationsWith(query.with) : undefined;
  const { conversationId } = options;
  const rows = store.search.find(
    {
      terms,
      without,
      senders: query.from.length > 0 ? people?.named(query.from) : undefined,
      conversations: conversationId === undefined ? within : onlyOne(conversationId, within),
      fromMs,
      beforeMs,
      beforeEntry: options.before,
    },
    limit + 1,
  );
  const matcher = new Matcher(query);
  const found = rows.slice(0, limit).flatMap((row): FoundMessage[] => {
    const entry = store.entries.get(row.entryId);
    const view = entry && viewOf(context, entry);
    return view === undefined || view.direction === 'system'
      ? []
      : [{ entry: view, matches: matcher.rangesIn(view.text) }];
  });
  return { found, older: rows.length > limit ? rows[limit - 1]?.entryId : undefined };
}

function onlyOne(
  id: ConversationId,
  among: readonly ConversationId[] | undefined,
): readonly ConversationId[] {
  return among === undefined || among.includes(id) ? [id] : [];
}

/** Somebody as they are searched for. */
interface Findable {
  readonly mail: string;
  readonly words: readonly string[];
}

function findable(mail: string, name: string): Findable {
  const { plain, expanded } = fold(name);
  return { mail, words: [...tokensOf(plain), ...tokensOf(expanded)] };
}

/** People by the words of their names and by their addresses. */
class KnownPeople {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Everybody who is known, also from groups alone, and the person of this profile. */
  named(values: readonly string[]): PersonId[] {
    const { store, own } = this.#context;
    const everybody = [own, ...store.directory.listPeople()].map(({ personId, mail, name }) => ({
      personId,
      ...findable(mail, name),
    }));
    const named = values.flatMap((value) =>
      ME.has(value.toLowerCase())
        ? [own.personId]
        : everybody.filter((person) => fits(person, value)).map(({ personId }) => personId),
    );
    return [...new Set(named)];
  }
  conversationsWith(values: readonly string[]): ConversationId[] {
    const { store } = this.#context;
    return store.conversations.list(CONVERSATIONS_MAX).flatMap(({ conversationId, personId, mail }) => {
      const person = personId && store.directory.getPerson(personId);
      const other = findable(person?.mail ?? mail ?? '', person?.name ?? '');
      return values.some((value) => fits(other, value)) ? [conversationId] : [];
    });
  }
}

/** An address from its beginning, or all words of the name, each from its beginning. */
function fits(person: Findable, value: string): boolean {
  const wanted = value.trim().toLowerCase();
  if (wanted === '') return false;
  if (person.mail === wanted || (!wanted.includes(' ') && person.mail.startsWith(wanted))) return true;
  const { plain, expanded } = fold(value);
  return [plain, expanded].some((form) => {
    const tokens = tokensOf(form);
    return tokens.length > 0 && tokens.every((token) => person.words.some((word) => word.startsWith(token)));
  });
}
