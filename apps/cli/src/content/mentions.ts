/** People who are named in a text: `@Ben`, `@Ben Beck`, `@ben@acme.test`. */
import type { Mention, PersonId } from '@kuvert/protocol';

/** Somebody who may be named. */
export interface Nameable {
  readonly personId: PersonId;
  readonly name: string;
  readonly mail: string;
}

/** More are not looked for: content holds no more. */
const MENTIONS_MAX = 100;

/**
 * Where a text names these people, in order. A first name or the part of an address before the `@` counts only while it is that of one of them.
 * Places are UTF-16 units, the `@` included.
 */
export function mentionsIn(text: string, people: readonly Nameable[]): Mention[] {
  if (!text.includes('@')) return [];
  const names = callableNames(people);
  const found: Mention[] = [];
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    // What stands in the middle of an address or a word is no mention.
    if (at > 0 && /[\p{L}\p{N}_.@]/u.test(text[at - 1] ?? '')) continue;
    const rest = text.slice(at + 1).toLowerCase();
    const one = names.find(({ name }) => rest.startsWith(name) && endsThere(rest, name.length));
    if (one === undefined) continue;
    found.push({ person: one.personId, start: at, length: one.name.length + 1 });
    if (found.length === MENTIONS_MAX) break;
  }
  return found;
}

/** What people can be called, the longest first; in lower case. */
function callableNames(people: readonly Nameable[]): { name: string; personId: PersonId }[] {
  const byName = new Map<string, Set<PersonId>>();
  for (const { personId, name, mail } of people) {
    const calls = [name, mail, name.split(/\s+/)[0] ?? '', mail.split('@')[0] ?? ''];
    for (const call of calls.map((one) => one.toLowerCase()).filter((one) => one !== '')) {
      byName.set(call, (byName.get(call) ?? new Set()).add(personId));
    }
  }
  return [...byName]
    .flatMap(([name, [personId, ...others]]) =>
      personId === undefined || others.length > 0 ? [] : [{ name, personId }],
    )
    .sort((a, b) => b.name.length - a.name.length);
}

function endsThere(text: string, length: number): boolean {
  const after = text.slice(length);
  // A dot or an `@` behind it belongs to an address only when something comes after it.
  return !/^([\p{L}\p{N}_]|[.@-][\p{L}\p{N}])/u.test(after);
}
