/** What an event leads to: the next state, and what is to be done outside. */
import type { Effect } from '../model.ts';
import type { ChatState, View } from '../state.ts';

/** @see the top of this file */
export interface Step {
  readonly state: ChatState;
  readonly effects: readonly Effect[];
}

/** How long a sentence stays at the bottom of the screen. */
const TOLD_MS = 8_000;

export function step(state: ChatState, ...effects: Effect[]): Step {
  return { state, effects };
}

/** Goes on from a step, keeping its effects. */
export function andThen(first: Step, next: (state: ChatState) => Step): Step {
  const second = next(first.state);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}

/** Shows a sentence for a while. */
export function tell(state: ChatState, sentence: string, isError = false): ChatState {
  return { ...state, told: { sentence, isError, untilMs: state.nowMs + TOLD_MS } };
}

/** Refuses in a sentence; nothing else changes. */
export function refuse(state: ChatState, sentence: string): Step {
  return step(tell(state, sentence, true));
}

export function show(state: ChatState, view: View): ChatState {
  return { ...state, view };
}
