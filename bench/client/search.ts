/**
 * Full-text search in a container with a long past (A8). Each kind of query is asked several times, on its first page and on later ones; the
 * first time right after the container was opened, when nothing of it is in memory. What counts is the slowest of all.
 */
import type { Profile } from '@kuvert/client-core/node';
import type { TestPerson } from '@kuvert/testkit';
import { type Row, SLOWEST_PAGE } from '../goals.ts';
import { quantiles, rounded } from '../measure/statistics.ts';
import { PROBES, wordOf } from './corpus.ts';

/** Pages of one query: the first ones, and one far behind. */
const PAGES = 4;
const FAR_PAGES = 40;
/** Openings of the container; in each, every query is asked `WARM_TIMES` more. */
const WARM_TIMES = 3;

interface Query {
  readonly kind: string;
  readonly text: string;
  /** How many messages it must find, where that is known. */
  readonly finds?: (messages: number) => number;
}

/**
 * @param person whose profile is searched
 * @param past with the mail of somebody much written with and a time in the middle of it
 */
export async function measureSearch(
  person: TestPerson,
  past: {
    readonly messages: number;
    readonly mail: string;
    readonly middleMs: number;
    /** Opens the container for each query, so that nothing of it is in memory when it is asked first. */
    readonly opensEach: boolean;
  },
  onRow: (row: Row) => void,
): Promise<void> {
  const about = { what: 'search', peer: 'kuvert', round: 1, msgs: past.messages };
  let slowest = 0;
  const measure = (profile: Profile, query: Query) => {
    const figures = askAll(profile, query, past.messages);
    slowest = Math.max(slowest, figures.worst_ms);
    onRow({ ...about, kind: query.kind, ...figures });
  };
  const queries = queriesOf(past);
  for (const some of past.opensEach ? queries.map((query) => [query]) : [queries]) {
    await person.with((profile) => {
      for (const query of some) measure(profile, query);
    });
  }
  onRow({ ...about, kind: SLOWEST_PAGE, worst_ms: slowest });
}

function askAll(profile: Profile, query: Query, messages: number) {
  const cold = timed(profile, query.text).ms;
  const samples = [cold];
  let found = 0;
  for (let time = 0; time < WARM_TIMES; time++) {
    const count = pagesOf(profile, query.text, time === 0 ? FAR_PAGES : PAGES, samples);
    if (time === 0) found = count;
  }
  if (query.finds !== undefined) checkCount(profile, query, messages);
  const { p50 } = quantiles(samples);
  return {
    cold_ms: rounded(cold, 1),
    p50_ms: rounded(p50, 1),
    worst_ms: rounded(Math.max(...samples), 1),
    found,
  };
}

function queriesOf({ mail, middleMs }: { mail: string; middleMs: number }): Query[] {
  const day = new Date(middleMs).toISOString().slice(0, 10);
  const every = (part: number, at: number) => (messages: number) =>
    Math.floor((messages - 1 - at) / part) + 1;
  return [
    { kind: 'rare word', text: PROBES.once, finds: () => 1 },
    { kind: 'seldom, umlaut typed', text: PROBES.seldom, finds: every(1_000, 13) },
    { kind: 'seldom, umlaut as ue', text: 'rueckfahrkarte', finds: every(1_000, 13) },
    { kind: 'frequent word', text: PROBES.often },
    { kind: 'two frequent words', text: `${PROBES.often} ${wordOf(0)}` },
    { kind: 'frequent and rare', text: `${PROBES.often} ${PROBES.once}` },
    { kind: 'nothing together', text: `${PROBES.once} ${PROBES.seldom}`, finds: () => 0 },
    { kind: 'one letter', text: 'e' },
    { kind: 'two letters', text: 'un' },
    { kind: 'three letters', text: 'rec' },
    { kind: 'phrase', text: `"${PROBES.phrase}"`, finds: every(100, 7) },
    { kind: 'phrase of frequent words', text: `"${PROBES.often} ${wordOf(1)}"` },
    { kind: 'phrase that is nowhere', text: `"${wordOf(0)} ${PROBES.often} ${wordOf(0)} ${PROBES.often}"` },
    { kind: 'emoji', text: PROBES.emoji, finds: every(500, 21) },
    { kind: 'frequent emoji', text: '👍' },
    { kind: 'Japanese', text: '会議' },
    { kind: 'end of long messages', text: PROBES.afterMuch, finds: every(2_000, 33) },
    { kind: 'person', text: `from:${mail}` },
    { kind: 'person and frequent word', text: `from:${mail} ${PROBES.often}` },
    { kind: 'oneself and a letter', text: 'from:me e' },
    { kind: 'day', text: `on:${day}` },
    { kind: 'before a day, frequent word', text: `before:${day} ${PROBES.often}` },
    { kind: 'on a day, one letter', text: `on:${day} e` },
    { kind: 'without a word', text: `-${PROBES.often} on:${day.slice(0, 7)}` },
    { kind: 'frequent without frequent', text: `${wordOf(0)} -${PROBES.often}` },
    { kind: 'ten letters typed', text: 'a e i o u b d g h k' },
  ];
}

function timed(profile: Profile, text: string, before?: number) {
  const began = performance.now();
  const page = profile.conversations.search(text, before === undefined ? {} : { before });
  return { ms: performance.now() - began, page };
}

/** @returns how many were found on these pages */
function pagesOf(profile: Profile, text: string, pages: number, samples: number[]): number {
  let found = 0;
  let before: number | undefined;
  for (let at = 0; at < pages; at++) {
    const { ms, page } = timed(profile, text, before);
    samples.push(ms);
    found += page.found.length;
    before = page.older;
    if (before === undefined) break;
  }
  return found;
}

function checkCount(profile: Profile, { kind, text, finds }: Query, messages: number): void {
  const { found } = profile.conversations.search(text, { limit: 1_000 });
  const wanted = Math.min(1_000, finds?.(messages) ?? 0);
  if (found.length !== wanted) throw new Error(`${kind}: found ${found.length} instead of ${wanted}`);
}
