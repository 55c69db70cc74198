/** What planted bugs are made with: places in a history, and changes at them. */
import type { EventOf, LedgerEvent, LedgerEventKind } from './events.ts';
import type { FindingCode } from './finding.ts';

/** Chooses one of several places, repeatably. */
export type Choose = <T>(places: readonly T[]) => T;

/** A bug. */
export interface PlantedBug {
  readonly name: string;
  /** What the checker must say, whatever else it says. */
  readonly expected: FindingCode;
  /** The history with the bug in it. */
  plant(history: readonly LedgerEvent[], choose: Choose): LedgerEvent[];
}

/** An event of one kind, and where it stands. */
export interface Place<K extends LedgerEventKind> {
  readonly at: number;
  readonly event: EventOf<K>;
}

/** All events of one kind. */
export function places<K extends LedgerEventKind>(history: readonly LedgerEvent[], kind: K): Place<K>[] {
  return history.flatMap((event, at) => (event.kind === kind ? [{ at, event: event as EventOf<K> }] : []));
}

/** The history without the events at these places. */
export const without = (history: readonly LedgerEvent[], ...gone: readonly number[]) =>
  history.filter((_, at) => !gone.includes(at));
/** The history with further events at a place. */
export const insert = (history: readonly LedgerEvent[], at: number, ...events: readonly LedgerEvent[]) =>
  history.toSpliced(at, 0, ...events);
/** The history with another event at a place. */
export const replace = (history: readonly LedgerEvent[], at: number, event: LedgerEvent) =>
  history.with(at, event);
