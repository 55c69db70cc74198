import { cpSync, rmSync } from 'node:fs';
import { startInstallation } from '@kuvert/testkit';
import { expect, test } from 'vitest';

test('B1 a profile put back from a copy is recognised: its one-time prekeys are replaced and its person hears of it; others hear nothing', async () => {
  await using installation = await startInstallation();
  const acme = await installation.tenant('Acme');
  const [anna, ben] = [await acme.person('Anna'), await acme.person('Ben')];
  const visit = (person: typeof anna) =>
    person.with(async (profile) => {
      await profile.flush({ timeoutMs: 60_000 });
      const notices = profile.notices();
      profile.markNoticesSeen(notices.map((notice) => notice.noticeId));
      return notices.map((notice) => notice.kind);
    });
  const copy = installation.folder.at('copy');
  expect(await visit(anna)).toEqual([]);
  cpSync(anna.profileDir, copy, { recursive: true });
  for (let i = 0; i < 3; i++) expect(await visit(anna)).toEqual([]);
  rmSync(anna.profileDir, { recursive: true });
  cpSync(copy, anna.profileDir, { recursive: true });

  expect(await visit(anna)).toEqual(['profile_restored']);
  expect(await visit(anna)).toEqual([]);
  expect(await visit(ben)).toEqual([]);
  expect(installation.log.filter((line) => line.includes('state-stepped-back'))).toHaveLength(1);
  const metrics = await (await fetch(`${installation.server.opsUrl}/metrics`)).text();
  expect(metrics).toContain('kuvert_state_steps_back_total 1\n');

  // The new prekeys work: somebody who has never written to her begins a session with them.
  await ben.with(async (profile) => {
    await profile.send({ to: anna.mail, text: 'Hello' });
    expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
  });
  await anna.with(async (profile) => {
    await profile.flush({ timeoutMs: 60_000 });
    expect(profile.inbox().map((message) => message.text)).toEqual(['Hello']);
  });
});

test('B1 P3 what was on its way when a copy was put back comes all the same; what the copy lacks is named, or comes from another device', async () => {
  await using installation = await startInstallation();
  const acme = await installation.tenant('Acme');
  const anna = await acme.person('Anna');
  const [alone, phone] = [await acme.person('Ben'), await acme.person('Cem')];
  const laptop = await phone.addDevice();
  const say = (text: string) =>
    anna.with(async (profile) => {
      for (const { mail } of [alone, phone]) await profile.send({ to: mail, text });
      await profile.flush({ timeoutMs: 60_000 });
    });
  const everybody = [anna, alone, phone, laptop];
  const visit = async (people = everybody) => {
    for (const person of people) await person.with((profile) => profile.flush({ timeoutMs: 60_000 }));
  };
  await say('first');
  await visit();
  const copyOf = ({ deviceId }: typeof anna) => installation.folder.at(`copy-${deviceId}`);
  for (const one of [alone, phone]) cpSync(one.profileDir, copyOf(one), { recursive: true });
  await say('after the copy');
  await visit();
  await say('on its way');
  for (const one of [alone, phone]) {
    rmSync(one.profileDir, { recursive: true });
    cpSync(copyOf(one), one.profileDir, { recursive: true });
  }
  await say('and on');
  for (let hour = 0; hour < 4; hour++) {
    await visit();
    installation.clock.advance(61 * 60_000);
  }
  await visit();
  const seen = (person: typeof anna) =>
    person.with((profile) => ({
      texts: profile.history({ with: anna.mail }).map(({ text }) => text),
      notices: profile.notices().map(({ kind, count }) => `${kind} ${count ?? ''}`.trim()),
    }));
  expect(await seen(alone)).toEqual({
    texts: ['first', 'on its way', 'and on'],
    notices: ['profile_restored', 'messages_missing 1'],
  });
  const all = ['first', 'after the copy', 'on its way', 'and on'];
  expect(await seen(phone)).toEqual({ texts: all, notices: ['device_linked', 'profile_restored'] });
  expect(await seen(laptop)).toEqual({ texts: all, notices: [] });
});

test('B1 A4 a copy of before the other device was linked gets what it lacks from that one', async () => {
  await using installation = await startInstallation();
  const acme = await installation.tenant('Acme');
  const [anna, phone] = [await acme.person('Anna'), await acme.person('Ben')];
  const copy = installation.folder.at('copy');
  cpSync(phone.profileDir, copy, { recursive: true });
  const laptop = await phone.addDevice();
  const visit = async (...people: (typeof anna)[]) => {
    for (const person of people) await person.with((profile) => profile.flush({ timeoutMs: 60_000 }));
  };
  await anna.with(async (profile) => {
    await profile.send({ to: phone.mail, text: 'to both' });
    await profile.flush({ timeoutMs: 60_000 });
  });
  await visit(phone, laptop, phone, laptop);
  rmSync(phone.profileDir, { recursive: true });
  cpSync(copy, phone.profileDir, { recursive: true });
  await visit(phone, laptop, phone);
  await phone.with((profile) => {
    expect(profile.history({ with: anna.mail }).map(({ text }) => text)).toEqual(['to both']);
  });
});

test('B1 P1 what one end sent and forgot with a copy, and the other could not open before it was put back too, arrives all the same', async () => {
  await using installation = await startInstallation();
  const acme = await installation.tenant('Acme');
  const [anna, phone] = [await acme.person('Anna'), await acme.person('Ben')];
  const laptop = await phone.addDevice();
  const visit = async (...people: (typeof anna)[]) => {
    for (const person of people) await person.with((profile) => profile.flush({ timeoutMs: 60_000 }));
  };
  const say = (from: typeof anna, to: typeof anna, ...texts: string[]) =>
    from.with(async (profile) => {
      await profile.sendAll(texts.map((text) => ({ to: to.mail, text })));
      await profile.flush({ timeoutMs: 60_000 });
      installation.clock.advance(1_000);
    });
  const copyOf = ({ deviceId }: typeof anna) => installation.folder.at(`copy-${deviceId}`);
  const copy = (person: typeof anna) => cpSync(person.profileDir, copyOf(person), { recursive: true });
  const putBack = (person: typeof anna) => {
    rmSync(person.profileDir, { recursive: true });
    cpSync(copyOf(person), person.profileDir, { recursive: true });
  };
  await visit(phone, laptop);
  copy(anna);
  copy(phone);
  await say(anna, phone, 'one');
  await visit(phone, laptop, anna);
  await say(phone, anna, 'two');
  await visit(anna, phone, laptop);
  // Sealed for the state of Anna that is gone now; she asks for it, is put back once more, and so is the phone, the only one to be asked.
  await say(phone, anna, 'three', 'four');
  await visit(laptop);
  putBack(anna);
  await visit(anna);
  putBack(phone);
  putBack(anna);
  for (let hour = 0; hour < 3; hour++) {
    await visit(phone, laptop, anna);
    installation.clock.advance(61 * 60_000);
  }
  await visit(phone);
  const textsOf = (person: typeof anna, other: typeof anna) =>
    person.with((profile) => profile.history({ with: other.mail }).map(({ text }) => text));
  expect(await textsOf(anna, phone)).toEqual(['three', 'four']);
  for (const device of [phone, laptop])
    expect(await textsOf(device, anna)).toEqual(['one', 'two', 'three', 'four']);
  const states = await phone.with((profile) =>
    profile.history({ with: anna.mail }).map((line) => (line.direction === 'out' ? line.state : 'in')),
  );
  expect(states).toEqual(['in', 'delivered', 'delivered', 'delivered']);
});
