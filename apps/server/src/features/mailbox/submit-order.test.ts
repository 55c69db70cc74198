import { expect, test } from 'vitest';
import { SubmitOrder } from './submit-order.ts';

test('P2 a submit that has to read first is not overtaken by those behind it', async () => {
  const order = new SubmitOrder();
  const committed: number[] = [];
  const submit = async (number: number, reading: Promise<void> | undefined) => {
    const turn = order.take();
    await reading;
    await turn.wait();
    committed.push(number);
    turn.done();
    turn.done();
  };
  const reading = Promise.withResolvers<void>();
  const all = [submit(1, undefined), submit(2, reading.promise), submit(3, undefined), submit(4, undefined)];
  await all[0];
  expect(committed).toEqual([1]);
  reading.resolve();
  await Promise.all(all);
  expect(committed).toEqual([1, 2, 3, 4]);
});

test('P2 a submit that is refused holds nobody up', async () => {
  const order = new SubmitOrder();
  const [first, second, third] = [order.take(), order.take(), order.take()];
  second.done();
  const waits = third.wait();
  expect(waits).toBeInstanceOf(Promise);
  expect(first.wait()).toBeUndefined();
  first.done();
  await waits;
  third.done();
  expect(order.take().wait()).toBeUndefined();
});
