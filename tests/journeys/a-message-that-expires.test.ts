import { LIFETIME_MS } from '@kuvert/protocol';
import { startInstallation } from '@kuvert/testkit';
import { expect, test } from 'vitest';

test('P1 what waited for thirty days is given up; its reader is told how many there were, once, and reads what came later', async () => {
  await using installation = await startInstallation();
  const acme = await installation.tenant('Acme');
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  const write = (...texts: string[]) =>
    anna.with(async (profile) => {
      for (const text of texts) await profile.send({ to: ben.mail, text });
      await profile.flush({ timeoutMs: 60_000 });
    });
  const read = () =>
    ben.with(async (profile) => {
      await profile.flush({ timeoutMs: 60_000 });
      const [messages, notices] = [profile.inbox(), profile.notices()];
      profile.markPrinted(messages);
      profile.markNoticesSeen(notices.map((notice) => notice.noticeId));
      return { texts: messages.map((message) => message.text), notices };
    });

  await write('one');
  expect((await read()).texts).toEqual(['one']);
  await write('two', 'three');
  installation.clock.advance(LIFETIME_MS[1]);
  await installation.server.context.sweeper.pass();
  await installation.restart();
  await write('four');
  const later = await read();
  expect(later.texts).toEqual(['four']);
  expect(later.notices).toContainEqual(expect.objectContaining({ kind: 'messages_expired', count: 2 }));
  expect((await read()).notices.map(({ kind }) => kind)).not.toContain('messages_expired');
  expect(installation.failures).toEqual([]);
});

test('A8 P1 a timer that was set in somebody’s absence and expired is told again when they write, and holds for both from then on', async () => {
  await using installation = await startInstallation();
  const acme = await installation.tenant('Acme');
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  const HOUR_MS = 3_600_000;
  /** Connects, writes what is given, and tells how long messages stay there and which are known to go. */
  const visit = (person: typeof anna, peer: typeof anna, text?: string) => {
    // The clock stands still, and what is written in the same millisecond stands in any order.
    installation.clock.advance(1_000);
    return person.with(async (profile) => {
      await profile.flush({ timeoutMs: 60_000 });
      if (text !== undefined) await profile.send({ to: peer.mail, text });
      await profile.flush({ timeoutMs: 60_000 });
      const [summary] = profile.conversations.list();
      if (summary === undefined) throw new Error('no conversation');
      const { entries } = profile.conversations.entries(summary.conversationId);
      const shown = entries.flatMap((entry) =>
        entry.direction === 'system'
          ? []
          : [`${entry.kind === 'timer' ? 'timer' : entry.text} ${entry.timerMs ?? '-'}`],
      );
      return { timerMs: summary.timerMs, shown };
    });
  };

  await visit(anna, ben, 'hello');
  await visit(ben, anna);
  await anna.with(async (profile) => {
    await profile.flush({ timeoutMs: 60_000 });
    profile.conversations.setTimer(await profile.conversationAt(ben.mail), HOUR_MS);
    await profile.flush({ timeoutMs: 60_000 });
  });
  installation.clock.advance(LIFETIME_MS[1]);
  await installation.server.context.sweeper.pass();
  await installation.restart();
  // Ben cannot know of it yet, and what he writes stays on both sides.
  expect(await visit(ben, anna, 'back again')).toEqual({
    timerMs: undefined,
    shown: ['hello -', 'back again -'],
  });
  expect(await visit(anna, ben)).toEqual({
    timerMs: HOUR_MS,
    shown: ['hello -', `timer ${HOUR_MS}`, 'back again -'],
  });
  const shown = ['hello -', 'back again -', `timer ${HOUR_MS}`, `as you wish ${HOUR_MS}`];
  expect(await visit(ben, anna, 'as you wish')).toEqual({ timerMs: HOUR_MS, shown });
  await visit(anna, ben);
  expect(await visit(anna, ben)).toEqual({
    timerMs: HOUR_MS,
    shown: ['hello -', `timer ${HOUR_MS}`, 'back again -', `as you wish ${HOUR_MS}`],
  });
  expect(await visit(ben, anna)).toEqual({ timerMs: HOUR_MS, shown });
  expect(installation.failures).toEqual([]);
});
