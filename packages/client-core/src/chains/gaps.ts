/**
 * Telling what is missing (P3). A gap becomes a notice only when nothing is left in the mailbox that could close it, and the notice
 * goes when the gap does. Two things are not missing: what could not be opened and was asked for again, for a while; and what the
 * server says to have expired, where that can be true: the time of every message in question has run out (wire.md §4), and it was not
 * missed before the server said so.
 */
import type { ChainState, SeqRange } from '@kuvert/crypto/session';
import type { DeviceId, EventData, PersonId } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { findNameless } from '../nameless-notice.ts';
import type { FollowedChain } from '../store.ts';

const GAPS_LOOKED_AT = 1_000;
const TOMBSTONES_LOOKED_AT = 256;
/** So long a broken session may take to mend itself before people are told. */
const REPAIR_TIME_MS = 10 * 60_000;
/** Clocks of several servers. */
const TOLERANCE_MS = 5 * 60_000;

/** Remembers what a believable tombstone excuses. */
export function keepTombstone(context: Context, { count, fromMs, toMs }: EventData<'expired'>): void {
  context.store.chains.addTombstone({ count, fromMs, toMs });
}

/** Looks at all gaps when the mailbox is empty: new ones become notices, closed ones take theirs back. */
export function reportGaps(context: Context): void {
  const { store, clock } = context;
  const atMs = clock.now();
  store.transaction(() => {
    const unopened = new Map<string, number>();
    for (const deviceId of store.repairs.listOpenDevices(GAPS_LOOKED_AT)) {
      unopened.set(deviceId, store.repairs.countOpen(deviceId, Number.MAX_SAFE_INTEGER));
      const count = store.repairs.countOpen(deviceId, atMs - REPAIR_TIME_MS);
      const personId = store.directory.findOwner(deviceId);
      if (count === 0) continue;
      store.notices.add({ kind: 'undecryptable', atMs, deviceId, ...(personId && { personId }), count });
    }
    for (const chain of store.chains.listOpenGaps(GAPS_LOOKED_AT)) {
      const { senderDevice: deviceId, personId } = chain;
      const missing = excuse(context, chain);
      const asked = Math.min(missing, unopened.get(deviceId) ?? 0);
      unopened.set(deviceId, (unopened.get(deviceId) ?? 0) - asked);
      const count = missing - asked;
      if (chain.late > 0) {
        store.notices.add({ kind: 'messages_reordered', atMs, personId, deviceId, count: chain.late });
      }
      if (count !== chain.noticed) {
        if (count === 0) store.notices.withdraw({ kind: 'messages_missing', deviceId });
        else store.notices.add({ kind: 'messages_missing', atMs, personId, deviceId, count });
      }
      if (count !== chain.noticed || chain.late > 0) {
        store.chains.putFollowed({ ...chain, noticed: count, late: 0 });
      }
    }
  });
}

/** How many numbers of a chain are missing and not excused. */
function excuse(context: Context, chain: FollowedChain): number {
  const { store, serverOffset } = context;
  const { senderDevice: deviceId, personId, state } = chain;
  const gaps = missingOf(state, chain.headSeq);
  // Another device of one's own has given what did not come here.
  const present = gaps.flatMap((gap) => store.messages.listNumbers(state.id, gap));
  let missing = without(gaps, [
    ...store.chains.listExcused(deviceId, state.id),
    ...present.map((seq) => ({ from: seq, to: seq })),
  ]);
  // What was told to be missing before did not lie in the mailbox then; it cannot have expired there later.
  let room = sizeOf(missing) - chain.noticed;
  for (const tombstone of store.chains.listTombstones(TOMBSTONES_LOOKED_AT)) {
    if (room <= 0) break;
    if (serverOffset.now() < tombstone.toMs + chain.lifetimeMs) continue;
    let left = tombstone.count;
    for (const range of missing) {
      const { beforeMs, afterMs } = store.messages.acceptedAround(state.id, range);
      const isBefore = afterMs !== undefined && tombstone.fromMs > afterMs + TOLERANCE_MS;
      const isAfter = beforeMs !== undefined && tombstone.toMs < beforeMs - TOLERANCE_MS;
      const count = Math.min(left, room, range.to - range.from + 1);
      if (isBefore || isAfter || count <= 0) continue;
      store.chains.addExcused(deviceId, state.id, { from: range.from, to: range.from + count - 1 });
      left -= count;
      room -= count;
    }
    const used = tombstone.count - left;
    if (used === 0) continue;
    store.chains.useTombstone(tombstone.id, used);
    tellWithName(context, { personId, deviceId, count: used });
    missing = without(missing, store.chains.listExcused(deviceId, state.id));
  }
  return sizeOf(missing);
}

/** Tells whose messages have expired. What was told of nobody in particular, and was not seen yet, is told no second time. */
function tellWithName(
  context: Context,
  expired: { readonly personId: PersonId; readonly deviceId: DeviceId; readonly count: number },
): void {
  const { store, clock } = context;
  const kind = 'messages_expired';
  const nameless = findNameless(context, kind);
  const left = (nameless?.count ?? 0) - expired.count;
  if (nameless !== undefined && left > 0) store.notices.add({ kind, atMs: nameless.atMs, count: left });
  else if (nameless !== undefined) store.notices.markSeen([nameless.noticeId]);
  store.notices.add({ kind, atMs: clock.now(), ...expired });
}

/** Missing numbers, given-up gaps and the tail up to a named head included. */
function missingOf(state: ChainState, headSeq: number): SeqRange[] {
  const missing = [...state.lost];
  let last = state.seq;
  for (const early of state.ahead) {
    if (early.seq > last + 1) missing.push({ from: last + 1, to: early.seq - 1 });
    last = early.seq;
  }
  if (headSeq > last) missing.push({ from: last + 1, to: headSeq });
  return missing;
}

/** What is left of ranges when others are taken away. */
function without(ranges: readonly SeqRange[], away: readonly SeqRange[]): SeqRange[] {
  return away.reduce<SeqRange[]>(
    (rest, { from, to }) =>
      rest.flatMap((range) =>
        [
          { from: range.from, to: Math.min(range.to, from - 1) },
          { from: Math.max(range.from, to + 1), to: range.to },
        ].filter((part) => part.from <= part.to),
      ),
    [...ranges],
  );
}

function sizeOf(ranges: readonly SeqRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}
