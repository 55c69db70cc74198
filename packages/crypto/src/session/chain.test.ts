import { decodeCbor, encodeCbor, makeId } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  advanceChain,
  type ChainHead,
  type ChainState,
  checkChain,
  checkChainHead,
  EARLY_MESSAGES_MAX,
  followChain,
  LOST_RANGES_MAX,
  nextChainEntry,
  startChain,
} from './chain.ts';
import type { ChainEntry } from './header.ts';

const fill = (byte: number, size = 16) => new Uint8Array(size).fill(byte);
const start = startChain({
  id: makeId('chain', fill(1)),
  conversation: makeId('conversation', fill(2)),
  senderDevice: makeId('device', fill(3)),
});

interface Sent {
  readonly entry: ChainEntry;
  readonly commitment: Uint8Array<ArrayBuffer>;
  readonly head: ChainHead;
}

function send(count: number, from: ChainHead = start): Sent[] {
  const sent: Sent[] = [];
  let head = from;
  for (let i = 0; i < count; i++) {
    const commitment = fill(0, 32);
    new DataView(commitment.buffer).setUint32(0, head.seq + 1);
    const entry = nextChainEntry(head);
    head = advanceChain(head, commitment);
    sent.push({ entry, commitment, head });
  }
  return sent;
}

/** As a store would keep it: what goes through CBOR comes back the same. */
function stored(state: ChainState): ChainState {
  return decodeCbor(encodeCbor(state as never)) as unknown as ChainState;
}

function receive(state: ChainState, sent: Sent | undefined) {
  if (sent === undefined) throw new Error('no such message');
  const check = checkChain(stored(state), sent.entry, sent.commitment);
  return check;
}

test('B8 messages in order are in order', () => {
  let state = followChain(start);
  for (const message of send(20)) {
    const check = receive(state, message);
    expect(check).toMatchObject({ finding: 'ok', missing: [] });
    state = check.state;
  }
  expect(state).toMatchObject({ seq: 20, ahead: [], lost: [] });
});

test('B8 a dropped message is reported by its number, and heals when it comes late', () => {
  const [one, two, three, four, five] = send(5);
  const first = receive(followChain(start), one);
  const gap = receive(first.state, three);
  expect(gap).toMatchObject({ finding: 'gap', missing: [{ from: 2, to: 2 }] });
  const wider = receive(gap.state, five);
  expect(wider).toMatchObject({
    finding: 'gap',
    missing: [
      { from: 2, to: 2 },
      { from: 4, to: 4 },
    ],
  });
  const late = receive(wider.state, two);
  expect(late).toMatchObject({ finding: 'reordered', missing: [{ from: 4, to: 4 }] });
  expect(receive(late.state, four)).toMatchObject({
    finding: 'reordered',
    missing: [],
    state: { seq: 5, link: five?.head.link, ahead: [] },
  });
});

test('B8 any order of arrival ends at the head of the sender', () => {
  const sent = send(30);
  fc.assert(
    fc.property(fc.shuffledSubarray(sent, { minLength: 1 }), (arrived) => {
      let state = followChain(start);
      let missing: readonly { from: number; to: number }[] = [];
      for (const message of arrived) {
        const check = receive(state, message);
        expect(check.finding).not.toBe('forked');
        ({ state, missing } = check);
      }
      const seen = new Set(arrived.map((message) => message.entry.seq));
      const last = Math.max(...seen);
      const expected = Array.from({ length: last }, (_, i) => i + 1).filter((seq) => !seen.has(seq));
      const reported = missing.flatMap(({ from, to }) =>
        Array.from({ length: to - from + 1 }, (_, i) => from + i),
      );
      expect(reported).toEqual(expected);
      if (expected.length === 0) expect(state.link).toEqual(sent[last - 1]?.head.link);
    }),
  );
});

test('B8 a message that contradicts the history is a fork and changes nothing', () => {
  const sent = send(6);
  const [one, two, three, four, five] = sent;
  let state = followChain(start);
  for (const message of [one, two, four]) state = receive(state, message).state;
  const other = send(6, { ...start, link: fill(9, 32) });
  const [, , otherThree, otherFour, otherFive] = other;
  const forks: (Sent | undefined)[] = [one, four, otherThree, otherFour, otherFive];
  for (const [index, message] of forks.entries()) {
    const check = receive(state, message);
    expect(check.finding, `fork ${index}`).toBe('forked');
    expect(check.state).toEqual(state);
  }
  if (three === undefined || five === undefined) throw new Error('six were sent');
  // The right number and the right link before, but another text: the next message tells.
  expect(checkChain(state, three.entry, fill(1, 32)).finding).toBe('forked');
  const swapped = checkChain(state, five.entry, fill(1, 32));
  expect(swapped.finding).toBe('gap');
  expect(receive(swapped.state, sent[5]).finding).toBe('forked');
  const strangeChain = { ...five.entry, id: makeId('chain', fill(9)) };
  expect(checkChain(state, strangeChain, five.commitment).finding).toBe('forked');
});

test('B8 a chain that starts with another link, conversation or device is a fork', () => {
  const elsewhere = startChain({
    id: start.id,
    conversation: makeId('conversation', fill(2)),
    senderDevice: makeId('device', fill(4)),
  });
  expect(receive(followChain(start), send(1, elsewhere)[0]).finding).toBe('forked');
});

test('B8 a told head shows a withheld tail and a changed history', () => {
  const sent = send(5);
  const [one, two, , four, five] = sent;
  let state = followChain(start);
  for (const message of [one, two]) state = receive(state, message).state;
  if (!two || !four || !five) throw new Error('five were sent');
  expect(checkChainHead(state, two.head)).toMatchObject({ finding: 'ok', missing: [] });
  expect(checkChainHead(state, five.head)).toMatchObject({ finding: 'gap', missing: [{ from: 3, to: 5 }] });
  expect(checkChainHead(state, { ...two.head, link: fill(9, 32) }).finding).toBe('forked');
  state = receive(state, four).state;
  expect(checkChainHead(state, five.head)).toMatchObject({
    finding: 'gap',
    missing: [
      { from: 3, to: 3 },
      { from: 5, to: 5 },
    ],
  });
  expect(checkChainHead(state, { ...start, seq: 3, link: fill(9, 32) }).finding).toBe('forked');
  expect(checkChainHead(state, { ...four.head, link: fill(9, 32) }).finding).toBe('forked');
});

test('B8 the state stays small when a message never comes, and what was given up is still reported', () => {
  const sent = send(EARLY_MESSAGES_MAX * 3);
  let state = followChain(start);
  const second = sent[1];
  for (const message of sent) if (message !== second) state = receive(state, message).state;
  expect(state).toMatchObject({ seq: sent.length, ahead: [], lost: [{ from: 2, to: 2 }] });
  const late = receive(state, second);
  expect(late).toMatchObject({ finding: 'reordered', missing: [] });
  expect(receive(late.state, second).finding).toBe('forked');

  let holes = followChain(start);
  for (const message of send(2_000)) {
    if (message.entry.seq % 2 === 0) holes = receive(holes, message).state;
    expect(holes.ahead.length).toBeLessThanOrEqual(EARLY_MESSAGES_MAX);
    expect(holes.lost.length).toBeLessThanOrEqual(LOST_RANGES_MAX);
  }
});
