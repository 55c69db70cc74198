/** Screens of a history, for planting bugs in them: each line with its place, and changes of single lines. */
import type { LedgerEvent, StandingConversation, StandingEntry } from './events.ts';
import { type Place, places, replace } from './planting.ts';

/** A line on a screen at a moment of rest, and where it stands. */
export interface Line {
  readonly screen: Place<'standing'>;
  /** Which moment. */
  readonly rest: number;
  readonly conversation: number;
  readonly line: number;
  readonly entry: StandingEntry;
}

/** All lines of all screens. */
export function lines(history: readonly LedgerEvent[]): Line[] {
  const rests = places(history, 'settled');
  return places(history, 'standing').flatMap((screen) => {
    const rest = rests.findIndex(({ at }) => at > screen.at);
    return screen.event.conversations.flatMap(({ entries }, conversation) =>
      entries.map((entry, line) => ({ screen, rest, conversation, line, entry })),
    );
  });
}

/** Those of the first moment of rest: what was done before it was told to everybody by then, whatever befell its devices later. */
export const firstLines = (history: readonly LedgerEvent[]): Line[] =>
  lines(history).filter(({ rest }) => rest === 0);

/** The history with other lines on one screen. */
export function relist(
  history: readonly LedgerEvent[],
  { screen, conversation }: Line,
  change: (entries: readonly StandingEntry[]) => readonly StandingEntry[],
): LedgerEvent[] {
  return withScreen(history, screen, (one, index) =>
    index === conversation ? { ...one, entries: change(one.entries) } : one,
  );
}

/** The history with one screen changed. */
export function withScreen(
  history: readonly LedgerEvent[],
  { at, event }: Place<'standing'>,
  change: (conversation: StandingConversation, index: number) => StandingConversation,
): LedgerEvent[] {
  return replace(history, at, { ...event, conversations: event.conversations.map(change) });
}

/** The history with one line changed. */
export const changeLine = (history: readonly LedgerEvent[], line: Line, change: Partial<StandingEntry>) =>
  relist(history, line, (entries) => entries.with(line.line, { ...line.entry, ...change }));

/** Whose a device is. */
export const owner = (history: readonly LedgerEvent[], device: string): string =>
  places(history, 'enrolled').find(({ event }) => event.device === device)?.event.person ?? '';

/** Lines on screens of people who have several. */
export function sharedLines(history: readonly LedgerEvent[]): Line[] {
  const all = lines(history);
  const groupOf = ({ rest, screen }: Line) => `${rest} ${owner(history, screen.event.device)}`;
  const groups = Map.groupBy(all, groupOf);
  return all.filter((line) => {
    const devices = groups.get(groupOf(line))?.map(({ screen }) => screen.event.device);
    return new Set(devices).size > 1;
  });
}

/** The history without one line. */
export const dropLine = (history: readonly LedgerEvent[], line: Line) =>
  relist(history, line, (entries) => entries.toSpliced(line.line, 1));
