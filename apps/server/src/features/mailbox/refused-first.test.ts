import { CLASSES, KuvertError, makeId, makeSubmitId, type Submit } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { type Entry, RefusedFirst } from './refused-first.ts';

let count = 0;
const bytes = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(size).fill(++count);
const [ben, cem] = [makeId('person', bytes(16)), makeId('person', bytes(16))];
const submitTo = (to: Submit['to']): Submit => ({
  requestNo: 1,
  submitId: makeSubmitId(1_000, bytes(10)),
  to,
  listHash: bytes(32),
  suite: 1,
  class: CLASSES.message,
  urgency: 1,
  lifetime: 1,
  legs: [{ device: makeId('device', bytes(16)), bytes: bytes(100) }],
});
const full = new KuvertError('disk_full');
const overloaded = (ms: number) =>
  expect.objectContaining({ code: 'overloaded', retry: { kind: 'after', ms } });

test('P2 what is submitted behind something that was refused for the moment does not overtake it', () => {
  const order = new RefusedFirst();
  const [first, second, other] = [submitTo(ben), submitTo(ben), submitTo(cem)];
  order.failed(first, order.enter(first, 0), full, 1);
  expect(() => order.enter(second, 2)).toThrow(overloaded(30_000));
  order.enter(other, 2);
  order.enter(first, 30_000);
  order.enter(second, 30_000);
});

test('P2 what is refused again stays the first', () => {
  const order = new RefusedFirst();
  const [first, second] = [submitTo(ben), submitTo(ben)];
  order.failed(first, order.enter(first, 0), full, 0);
  expect(() => order.enter(second, 1)).toThrow(overloaded(30_000));
  order.failed(first, order.enter(first, 30_000), full, 30_000);
  expect(() => order.enter(second, 30_001)).toThrow(overloaded(30_000));
  order.enter(first, 60_000);
  order.enter(second, 60_000);
});

test('P2 what was refused for the time in its id is waited for, though it comes under another id', () => {
  const order = new RefusedFirst();
  const [first, second] = [submitTo(ben), submitTo(ben)];
  order.failed(first, order.enter(first, 0), new KuvertError('submit_too_new'), 1);
  expect(() => order.enter(second, 2)).toThrow(overloaded(200));
  order.enter({ ...first, submitId: makeSubmitId(500, bytes(10)) }, 3);
  order.enter(second, 4);
});

test('P2 all that was refused comes again in its order, also what follows before the client has read of it', () => {
  const order = new RefusedFirst();
  const [first, second, third] = [submitTo(ben), submitTo(ben), submitTo(ben)];
  order.failed(first, order.enter(first, 0), new KuvertError('submit_too_new'), 0);
  expect(() => order.enter(second, 1)).toThrow(overloaded(200));
  order.enter(first, 2);
  expect(() => order.enter(third, 3)).toThrow(overloaded(200));
  order.enter(second, 203);
  order.enter(third, 203);
});

test('P2 of several that fail after they entered the one that came first is the first', () => {
  const order = new RefusedFirst();
  const [first, second, third] = [submitTo(ben), submitTo(ben), submitTo(ben)];
  const places = [order.enter(first, 0), order.enter(second, 0)] as const;
  order.failed(second, places[1], full, 1);
  expect(() => order.enter(third, 2)).toThrow(overloaded(30_000));
  order.failed(first, places[0], full, 3);
  for (const submit of [first, second, third]) order.enter(submit, 30_003);
});

test('P7 nobody waits for ever for what never comes again, and a final refusal holds nobody up', () => {
  const order = new RefusedFirst();
  const [first, second] = [submitTo(ben), submitTo(ben)];
  order.failed(first, order.enter(first, 0), full, 0);
  for (let nowMs = 1_000; nowMs < 35_000; nowMs += 1_000) {
    expect(() => order.enter(second, nowMs)).toThrow(overloaded(30_000));
  }
  order.failed(second, order.enter(second, 35_000), new KuvertError('too_large'), 35_000);
  order.enter(first, 36_000);
});

test('P2 what waited for its turn behind something that was refused meanwhile is refused with it, and what was before it is not', () => {
  const order = new RefusedFirst();
  const submits = [submitTo(ben), submitTo(ben), submitTo(ben), submitTo(cem)] as const;
  const enter = (submit: Submit): Entry => order.enter(submit, 0);
  const [before, refused, behind, other] = [
    enter(submits[0]),
    enter(submits[1]),
    enter(submits[2]),
    enter(submits[3]),
  ];
  order.failed(submits[1], refused, new KuvertError('store_unavailable'), 1);
  order.stay(submits[0], before);
  order.stay(submits[3], other);
  expect(() => order.stay(submits[2], behind)).toThrow(overloaded(2_000));
  order.failed(submits[2], behind, new KuvertError('overloaded'), 2);
  order.stay(submits[1], order.enter(submits[1], 2_002));
  order.stay(submits[2], order.enter(submits[2], 2_004));
});

test('P2 what still waits for its turn is refused though the refused one before it has come again meanwhile: it would stand behind it', () => {
  const order = new RefusedFirst();
  const [first, second, third] = [submitTo(ben), submitTo(ben), submitTo(ben)];
  const entries = [order.enter(first, 0), order.enter(second, 0), order.enter(third, 0)] as const;
  order.failed(second, entries[1], new KuvertError('store_unavailable'), 1);
  order.failed(first, entries[0], new KuvertError('store_unavailable'), 1);
  const again = order.enter(first, 2_001);
  const secondAgain = order.enter(second, 2_001);
  expect(() => order.stay(third, entries[2])).toThrow(expect.objectContaining({ code: 'overloaded' }));
  order.failed(third, entries[2], new KuvertError('overloaded'), 2_002);
  order.stay(first, again);
  order.stay(second, secondAgain);
  order.stay(third, order.enter(third, 4_000));
});

test('P2 a fault of ours holds up what is behind it like any other refusal that may pass', () => {
  const order = new RefusedFirst();
  const [first, second] = [submitTo(ben), submitTo(ben)];
  order.failed(first, order.enter(first, 0), new TypeError('a fault'), 1);
  expect(() => order.enter(second, 2)).toThrow(overloaded(5_000));
});
