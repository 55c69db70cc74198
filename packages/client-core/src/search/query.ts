/**
 * What people type to search, read. Words must all occur, each also as the beginning of a longer one (`rech` finds `Rechnung`); text in
 * quotation marks occurs exactly so; a minus before either excludes it. The rest narrows:
 *
 *     from:bela  from:"Bela Kovács"  from:me    who wrote it (von:, ich)
 *     with:bela                                 in the conversation with them (mit:)
 *     on:2026-03-01  before:…  after:…          days by the local calendar (am:, vor:, nach:); also 1.3.2026, 2026-03, 2026,
 *     since:…  until:…                          today, yesterday (seit:, bis:, heute, gestern); since and until include their day
 *
 * Nothing that a person can type is an error: what is no filter is searched for as words.
 */
import { fold, tokensOf } from './fold.ts';

/** A word or phrase: the forms that it may have, each a sequence of folded words. */
export interface Term {
  readonly forms: readonly (readonly string[])[];
  /** The last word may go on. */
  readonly isPrefix: boolean;
}

/** A query as it was understood. */
export interface SearchQuery {
  readonly terms: readonly Term[];
  readonly without: readonly Term[];
  /** People by parts of their names or addresses; `me` is the person of this profile. */
  readonly from: readonly string[];
  readonly with: readonly string[];
  /** From this time on, and before that one; Unix milliseconds. */
  readonly fromMs: number | undefined;
  readonly beforeMs: number | undefined;
}

const QUERY_TERMS_MAX = 32;
const QUERY_CHARACTERS_MAX = 2_000;
/** A minus, a filter's name, then text in quotation marks of several languages or up to the next space. */
const PART = /(-?)(?:(\p{L}+):)?(?:"([^"]*)"?|„([^“”"]*)[“”"]?|“([^”"]*)[”"]?|»([^«]*)«?|«([^»]*)»?|(\S+))/gu;

const FILTERS: Readonly<Record<string, 'from' | 'with' | 'on' | 'before' | 'after' | 'since' | 'until'>> = {
  from: 'from',
  von: 'from',
  with: 'with',
  mit: 'with',
  in: 'with',
  on: 'on',
  am: 'on',
  before: 'before',
  vor: 'before',
  after: 'after',
  nach: 'after',
  since: 'since',
  seit: 'since',
  ab: 'since',
  until: 'until',
  bis: 'until',
};

/** @param nowMs for `today` and `yesterday` */
export function parseQuery(input: string, nowMs: number): SearchQuery {
  const terms: Term[] = [];
  const without: Term[] = [];
  const people = { from: [] as string[], with: [] as string[] };
  let fromMs: number | undefined;
  let beforeMs: number | undefined;
  for (const match of input.slice(0, QUERY_CHARACTERS_MAX).matchAll(PART)) {
    const [all, minus = '', name = '', ...quoted] = match;
    const bare = quoted.pop();
    const value = quoted.find((part) => part !== undefined) ?? bare ?? '';
    const filter = value === '' || minus !== '' ? undefined : FILTERS[name.toLowerCase()];
    if (filter === 'from' || filter === 'with') {
      people[filter].push(value);
      continue;
    }
    const span = filter && parseDays(value, nowMs);
    if (filter !== undefined && span !== undefined) {
      const { startMs, endMs } = span;
      if (filter === 'on' || filter === 'since') fromMs = Math.max(fromMs ?? 0, startMs);
      if (filter === 'after') fromMs = Math.max(fromMs ?? 0, endMs);
      if (filter === 'on' || filter === 'until')
        beforeMs = Math.min(beforeMs ?? Number.MAX_SAFE_INTEGER, endMs);
      if (filter === 'before') beforeMs = Math.min(beforeMs ?? Number.MAX_SAFE_INTEGER, startMs);
      continue;
    }
    // A name before the colon that is no filter belongs to the word, as in `12:30` or `note:"this"`.
    const text = bare === undefined ? `${name} ${value}` : all.slice(minus.length);
    const term = termOf(text, bare !== undefined);
    if (term !== undefined && terms.length + without.length < QUERY_TERMS_MAX)
      (minus === '' ? terms : without).push(term);
  }
  return { terms, without, ...people, fromMs, beforeMs };
}

function termOf(text: string, isPrefix: boolean): Term | undefined {
  const { plain, expanded } = fold(text);
  const forms = [plain, expanded].map(tokensOf).filter((words) => words.length > 0);
  return forms.length === 0 ? undefined : { forms, isPrefix };
}

/** A day, month or year of the local calendar. */
function parseDays(value: string, nowMs: number): { startMs: number; endMs: number } | undefined {
  const text = value.toLowerCase();
  const now = new Date(nowMs);
  const today = [now.getFullYear(), now.getMonth(), now.getDate()] as const;
  if (text === 'today' || text === 'heute') return spanOf(today);
  if (text === 'yesterday' || text === 'gestern') return spanOf([today[0], today[1], today[2] - 1]);
  const iso = /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$/.exec(text);
  if (iso !== null) return checkedSpan(iso[1], iso[2], iso[3]);
  const german = /^(\d{1,2})\.(?:(\d{1,2})\.)?(\d{4})?$/.exec(text);
  if (german === null) return undefined;
  const [, first, second, year = String(today[0])] = german;
  return second === undefined ? undefined : checkedSpan(year, second, first);
}

function checkedSpan(year = '', month: string | undefined, day: string | undefined) {
  const monthIndex = month === undefined ? undefined : Number(month) - 1;
  const dayNumber = day === undefined ? undefined : Number(day);
  const date = new Date(Number(year), monthIndex ?? 0, dayNumber ?? 1);
  // The 30th of February is no day, and a number such as 1850 is a word.
  const isReal = date.getMonth() === (monthIndex ?? 0) && date.getDate() === (dayNumber ?? 1);
  return isReal && Number(year) >= 1970 ? spanOf([Number(year), monthIndex, dayNumber]) : undefined;
}

function spanOf([year, month, day]: readonly [number, number | undefined, number | undefined]) {
  const start = new Date(year, month ?? 0, day ?? 1);
  const end =
    day !== undefined
      ? new Date(year, month ?? 0, day + 1)
      : month !== undefined
        ? new Date(year, month + 1, 1)
        : new Date(year + 1, 0, 1);
  return { startMs: start.getTime(), endMs: end.getTime() };
}
