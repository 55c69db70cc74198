/**
 * The chain of a sender's messages (wire.md §4), with which a recipient notices what a server withholds,
 * reorders or swaps. One chain per (conversation, sender device); every message of people takes the next
 * number, control and ephemeral messages take none.
 *
 *   start link   L₀ = SHA-256("kuvert/chain/1" ‖ conversation ‖ sender device ‖ chain id), ids as their 17 bytes
 *   next link    Lₙ = SHA-256("kuvert/chain/1" ‖ Lₙ₋₁ ‖ Cₙ), Cₙ the commitment of message n
 *   header       of message n carries {id, seq: n, link: Lₙ₋₁}
 *
 * So a header says what came before, and the commitment covers the header: each message vouches for all
 * earlier ones. The recipient keeps the head without a gap and, beyond a gap, the links of what arrived
 * early; when the late ones come they must fit between. Everything here is a pure function over plain data
 * that `encodeCbor` takes as it is.
 */
import { createHash } from 'node:crypto';
import {
  type ChainId,
  type ConversationId,
  type DeviceId,
  equalBytes,
  idToBytes,
  LABELS,
} from '@kuvert/protocol';
import type { ChainEntry } from './header.ts';

/**
 * The sender's end of a chain: number and link of the last message; `seq` 0 and the start link before the
 * first.
 */
export interface ChainHead {
  readonly id: ChainId;
  readonly seq: number;
  /** 32 bytes. */
  readonly link: Uint8Array<ArrayBuffer>;
}

/** Numbers `from` to `to`, both included. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/** A message that arrived before one with a lower number. */
export interface EarlyMessage {
  readonly seq: number;
  /** Link before it, as its header says. */
  readonly before: Uint8Array<ArrayBuffer>;
  /** Link after it. */
  readonly after: Uint8Array<ArrayBuffer>;
}

/** What a recipient keeps of a sender's chain. `seq` and `link` are what an `ack` reports. */
export interface ChainState {
  readonly id: ChainId;
  /** Highest number below which nothing is missing (given-up gaps aside), and the link after it. */
  readonly seq: number;
  readonly link: Uint8Array<ArrayBuffer>;
  /** Messages beyond the first gap, by number; at most {@link EARLY_MESSAGES_MAX}. */
  readonly ahead: readonly EarlyMessage[];
  /** Gaps that were given up, by number; at most {@link LOST_RANGES_MAX}. */
  readonly lost: readonly SeqRange[];
}

/** So many messages may wait beyond a gap before the gap is given up. */
export const EARLY_MESSAGES_MAX = 256;
/** So many given-up gaps are remembered; the oldest are merged. */
export const LOST_RANGES_MAX = 16;

/**
 * `ok`: the next message. `gap`: numbers before it are missing. `reordered`: a late message that fits into a
 * gap. `forked`: it contradicts what arrived before; somebody has changed history, tell people and do not
 * show it as genuine.
 */
export type ChainFinding = 'ok' | 'gap' | 'reordered' | 'forked';

/** What came of a check. */
export interface ChainCheck {
  readonly finding: ChainFinding;
  /** The state to keep, in the transaction of the message row; the old one when `forked`. */
  readonly state: ChainState;
  /** All numbers that are missing now, given-up gaps included, in order. */
  readonly missing: readonly SeqRange[];
}

/** A new chain before its first message; also what a recipient makes of the ids in a first header. */
export function startChain(options: {
  readonly id: ChainId;
  readonly conversation: ConversationId;
  readonly senderDevice: DeviceId;
}): ChainHead {
  const { id, conversation, senderDevice } = options;
  return { id, seq: 0, link: chainHash(idToBytes(conversation), idToBytes(senderDevice), idToBytes(id)) };
}

/** The header entry of the message that follows `head`. */
export function nextChainEntry(head: ChainHead): ChainEntry {
  return { id: head.id, seq: head.seq + 1, link: head.link };
}

/** The head after the message that follows `head` and has this commitment. Commit it with the ratchet step. */
export function advanceChain(head: ChainHead, commitment: Uint8Array): ChainHead {
  return { id: head.id, seq: head.seq + 1, link: nextLink(head.link, commitment) };
}

/** Lₙ of Lₙ₋₁ and Cₙ, 32 bytes each. */
export function nextLink(previousLink: Uint8Array, commitment: Uint8Array): Uint8Array<ArrayBuffer> {
  return chainHash(previousLink, commitment);
}

/**
 * A recipient's state of a chain from `head` on: the {@link startChain} of the header's ids, or for a device
 * that joins later the head that it was told, below which it misses nothing.
 */
export function followChain(head: ChainHead): ChainState {
  return { id: head.id, seq: head.seq, link: head.link, ahead: [], lost: [] };
}

/**
 * Checks a message against the chain. Duplicates (sender device, contentId) are dropped by the caller before:
 * a number that was seen already is `forked` here. Only for messages whose ratchet decryption succeeded.
 */
export function checkChain(state: ChainState, entry: ChainEntry, commitment: Uint8Array): ChainCheck {
  const early: EarlyMessage = {
    seq: entry.seq,
    before: entry.link,
    after: nextLink(entry.link, commitment),
  };
  if (entry.id !== state.id) return result('forked', state);
  if (entry.seq <= state.seq) return fillLost(state, entry.seq);
  if (!fitsNeighbours(state, early)) return result('forked', state);
  const ahead = [...state.ahead, early].sort((a, b) => a.seq - b.seq);
  const isLate = ahead[ahead.length - 1]?.seq !== entry.seq;
  const next = giveUpOldestGap(settle({ ...state, ahead }));
  return result(isLate ? 'reordered' : entry.seq === state.seq + 1 ? 'ok' : 'gap', next);
}

/**
 * Compares the chain with a head that the sender told (heartbeat): `gap` when later messages are missing,
 * `forked` when the links differ, else `ok`. The state does not change: only messages move it.
 */
export function checkChainHead(state: ChainState, head: ChainHead): ChainCheck {
  if (head.id !== state.id) return result('forked', state);
  const known =
    head.seq === state.seq ? state.link : state.ahead.find((early) => early.seq === head.seq)?.after;
  if (known !== undefined && !equalBytes(known, head.link)) return result('forked', state);
  const successor = state.ahead.find((early) => early.seq === head.seq + 1);
  if (successor !== undefined && !equalBytes(successor.before, head.link)) return result('forked', state);
  const last = state.ahead[state.ahead.length - 1]?.seq ?? state.seq;
  const missing = missingOf(state);
  if (head.seq > last) missing.push({ from: last + 1, to: head.seq });
  const isComplete = head.seq <= state.seq || missing.every((range) => range.from > head.seq);
  return { finding: isComplete ? 'ok' : 'gap', state, missing };
}

/**
 * A late message below the head is welcome only where a gap was given up; its links can no longer be checked.
 */
function fillLost(state: ChainState, seq: number): ChainCheck {
  const range = state.lost.find((lost) => lost.from <= seq && seq <= lost.to);
  if (range === undefined) return result('forked', state);
  const rest = [
    { from: range.from, to: seq - 1 },
    { from: seq + 1, to: range.to },
  ].filter((part) => part.from <= part.to);
  const lost = [...state.lost.filter((other) => other !== range), ...rest];
  return result('reordered', { ...state, lost: boundLost(lost) });
}

/** True when the links agree with the messages right before and after, as far as they have arrived. */
function fitsNeighbours(state: ChainState, message: EarlyMessage): boolean {
  const linkBefore =
    message.seq === state.seq + 1
      ? state.link
      : state.ahead.find((early) => early.seq === message.seq - 1)?.after;
  const after = state.ahead.find((early) => early.seq === message.seq + 1);
  return (
    !state.ahead.some((early) => early.seq === message.seq) &&
    (linkBefore === undefined || equalBytes(linkBefore, message.before)) &&
    (after === undefined || equalBytes(after.before, message.after))
  );
}

/** Moves the head over everything that now follows it without a gap; the links were compared on arrival. */
function settle(state: ChainState): ChainState {
  let { seq, link } = state;
  const ahead = [...state.ahead];
  for (let first = ahead[0]; first?.seq === seq + 1; first = ahead[0]) {
    seq = first.seq;
    link = first.after;
    ahead.shift();
  }
  return { ...state, seq, link, ahead };
}

function giveUpOldestGap(state: ChainState): ChainState {
  const [first, ...rest] = state.ahead;
  if (first === undefined || state.ahead.length <= EARLY_MESSAGES_MAX) return state;
  const lost = boundLost([...state.lost, { from: state.seq + 1, to: first.seq - 1 }]);
  return settle({ ...state, seq: first.seq, link: first.after, ahead: rest, lost });
}

/** Keeps the list of given-up gaps short; a merged range says more is missing than is, never less. */
function boundLost(ranges: readonly SeqRange[]): SeqRange[] {
  const lost = ranges.toSorted((a, b) => a.from - b.from);
  while (lost.length > LOST_RANGES_MAX) {
    const [first, second] = lost.splice(0, 2);
    if (first && second) lost.unshift({ from: first.from, to: second.to });
  }
  return lost;
}

function missingOf(state: ChainState): SeqRange[] {
  const missing: SeqRange[] = [...state.lost];
  let expected = state.seq + 1;
  for (const early of state.ahead) {
    if (early.seq > expected) missing.push({ from: expected, to: early.seq - 1 });
    expected = early.seq + 1;
  }
  return missing;
}

function result(finding: ChainFinding, state: ChainState): ChainCheck {
  return { finding, state, missing: missingOf(state) };
}

function chainHash(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const hash = createHash('sha256').update(LABELS.chain);
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
}
