import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { queueText } from './conversations/outgoing.ts';
import { MessagesAhead } from './messages-ahead.ts';
import { createParts } from './messenger-parts.ts';
import { acquaintedPair } from './node/doubles/acquainted.ts';

const random = (count: number) => Uint8Array.from(randomBytes(count));

async function scene() {
  const pair = await acquaintedPair();
  const { anna, bela, clock } = pair;
  const { context } = createParts(
    { own: anna.own, store: anna.store, clock, random },
    {
      connection: () => undefined,
      onStored: () => undefined,
      changed: () => undefined,
      failed: (cause) => {
        throw cause;
      },
    },
  );
  const { store, operations } = context;
  let isOpen = true;
  const ahead = new MessagesAhead(context, () => isOpen);
  const held = store.transaction(() => {
    const contentId = queueText(context, { to: bela.mail, text: 'held' });
    store.outbox.hold(contentId);
    return contentId;
  });
  await ahead.prepare(held);
  return {
    ...pair,
    operations,
    write: (text: string) => store.transaction(() => queueText(context, { to: bela.mail, text })),
    close: () => {
      isOpen = false;
    },
    /** What was held may go. @returns how it stands then */
    release: () =>
      operations.run(() => {
        const isReady = ahead.isReady(held);
        store.transaction(() => {
          store.outbox.release(held);
          if (isReady) ahead.commit(held);
        });
        return store.outbox.findByContentId(held)?.work;
      }),
  };
}

test('A9 a message that was sealed ahead goes as it is, with the next number of its chain, before and behind others', async () => {
  const { bela, release, round, write } = await scene();
  expect(await release()).toBe('submit');
  await round(2);
  expect(bela.texts()).toEqual(['held']);
  write('behind');
  await round(2);
  expect(bela.texts()).toEqual(['held', 'behind']);
  expect(bela.noticeKinds()).toEqual([]);
});

test.each(['a text that waits', 'a step of a ratchet', 'a lane that is closed'])(
  'P2 what was sealed ahead is worth nothing behind %s, and nothing is lost or out of order',
  async (what) => {
    const { anna, bela, operations, close, release, round, write } = await scene();
    if (what === 'a text that waits') write('first');
    if (what === 'a step of a ratchet') {
      await operations.run(() => undefined);
      await anna.write(bela, 'first');
      await round(2);
    }
    if (what === 'a lane that is closed') close();
    expect(await release()).toBe('seal');
    write('last');
    await round(2);
    const first = what === 'a lane that is closed' ? [] : ['first'];
    expect(bela.texts()).toEqual([...first, 'held', 'last']);
    expect(bela.noticeKinds()).toEqual([]);
  },
);
