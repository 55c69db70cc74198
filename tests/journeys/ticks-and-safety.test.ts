/** Ticks, signs of writing and safety numbers between real clients and a real server, on all devices of a person (A3 B6). */
import type { Profile } from '@kuvert/client-core/node';
import { startInstallation, type TestInstallation, type TestPerson, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const FLUSH = { timeoutMs: 60_000 };

let installation: TestInstallation;
let acme: TestTenant;
beforeAll(async () => {
  installation = await startInstallation();
  acme = await installation.tenant('Acme');
});
afterAll(() => installation[Symbol.asyncDispose]());

function sync<T>(person: TestPerson, work: (profile: Profile) => T | Promise<T>): Promise<T> {
  return person.with(async (profile) => {
    await profile.flush(FLUSH);
    const result = await work(profile);
    await profile.flush(FLUSH);
    return result;
  });
}

const readAll = (profile: Profile) => profile.markRead(profile.inbox());

test('A3 a message is delivered when any device has it and read when any has shown it; a switch turned on one device holds on all', async () => {
  const anna = await acme.person('Anna');
  const phone = await acme.person('Ben');
  const laptop = await phone.addDevice();
  const send = (text: string) =>
    sync(anna, async (profile) => (await profile.send({ to: phone.mail, text })).messageId);
  const stateOf = (id: Awaited<ReturnType<typeof send>>) => sync(anna, (profile) => profile.status(id).state);
  const first = await send('one');
  expect(await stateOf(first)).toBe('accepted');
  await sync(laptop, () => undefined);
  expect(await stateOf(first)).toBe('delivered');
  await sync(phone, readAll);
  expect(await stateOf(first)).toBe('read');

  await sync(phone, (profile) => profile.changeSetting({ name: 'readReceipts', value: 'off' }));
  await sync(laptop, (profile) => {
    const setting = profile.settings().find(({ name }) => name === 'readReceipts');
    expect(setting).toEqual({ name: 'readReceipts', value: 'off', setBy: 'person' });
  });
  const second = await send('two');
  await sync(laptop, readAll);
  expect(await stateOf(second)).toBe('delivered');
});

test('B6 what was compared on one device counts on all of them, a new one included', async () => {
  const carla = await acme.person('Carla');
  const phone = await acme.person('Dino');
  const { number, code } = await sync(carla, (profile) => profile.safety.show(phone.mail));
  const laptop = await phone.addDevice();
  await sync(phone, (profile) => profile.safety.verify(carla.mail, code));
  const seen = (person: TestPerson) => sync(person, (profile) => profile.safety.show(carla.mail));
  expect(await seen(laptop)).toMatchObject({ number, verification: 'verified' });
  const tablet = await phone.addDevice();
  await sync(tablet, () => undefined);
  await sync(phone, () => undefined);
  await sync(laptop, () => undefined);
  expect(await seen(tablet)).toMatchObject({ number, verification: 'verified' });
  await sync(laptop, (profile) => profile.safety.unverify(carla.mail));
  expect(await seen(phone)).toMatchObject({ verification: 'unverified' });
});

test('A3 who writes and who is there is seen at once by whoever is connected, and is kept nowhere', async () => {
  const emil = await acme.person('Emil');
  const fay = await acme.person('Fay');
  await sync(emil, (profile) => profile.send({ to: fay.mail, text: 'hello' }));
  await sync(fay, (profile) => profile.send({ to: emil.mail, text: 'hello to you' }));
  const emils = await emil.open();
  const fays = await fay.open();
  try {
    for (const profile of [emils, fays]) await profile.flush(FLUSH);
    const seen = (wanted: { isTyping: boolean; presence: string | undefined }) =>
      new Promise<void>((resolve) => {
        const look = () => {
          const { isTyping, presence } = fays.activity.of(emil.personId);
          if (isTyping === wanted.isTyping && presence === wanted.presence) resolve();
        };
        fays.activity.onChanged(look);
        look();
      });
    fays.activity.setPresent(true);
    emils.activity.setPresent(true);
    emils.activity.lookAt(fay.personId);
    await seen({ isTyping: false, presence: 'online' });
    emils.activity.typing(fay.personId, true);
    await seen({ isTyping: true, presence: 'online' });
    emils.activity.typing(fay.personId, false);
    await seen({ isTyping: false, presence: 'online' });
    await fays.close();
    emils.activity.typing(fay.personId, true);
    await emils.flush(FLUSH);
    // What was fetched before is removed a little later.
    const kept = async () => {
      const peek = { deviceId: fay.deviceId, limit: 10 };
      return (await installation.operator.call('mailboxPeek', peek)).envelopes;
    };
    await expect.poll(kept, { timeout: 10_000 }).toEqual([]);
  } finally {
    for (const profile of [emils, fays]) await profile.close();
  }
});
