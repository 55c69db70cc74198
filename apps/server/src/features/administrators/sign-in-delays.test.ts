import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { SIGN_IN_LIMITS, SignInDelays } from './sign-in-delays.ts';

const MAIL = 'olga@example.test';
let installation: TestInstallation;
let delays: SignInDelays;

beforeEach(async () => {
  installation = await openTestInstallation();
  delays = newDelays();
});
afterEach(() => installation.close());

function newDelays(): SignInDelays {
  const { store, clock } = installation;
  return new SignInDelays({ store, clock, onLimit: () => undefined });
}

/** @returns whether the try was looked at */
async function guess(address: string): Promise<boolean> {
  const tried = { mail: MAIL, address };
  try {
    await delays.admit(tried);
  } catch (error) {
    expect(error).toMatchObject({ code: 'rate_limited' });
    return false;
  }
  return true;
}

test('C4 guessing from many addresses ends after a hundred tries, also after a restart, and not where the account was signed in to before', async () => {
  const home = { mail: MAIL, address: '192.0.2.1' };
  await delays.succeeded(home);
  let heard = 0;
  for (let address = 0; address < 40; address++) {
    for (let tries = 0; tries < 5; tries++) heard += (await guess(`198.51.100.${address}`)) ? 1 : 0;
  }
  expect(heard).toBe(SIGN_IN_LIMITS.strangersUpTo + 1);
  delays = newDelays();
  expect(await guess('203.0.113.9')).toBe(false);
  await delays.admit(home);
  await delays.admit({ mail: 'somebody-else@example.test', address: '203.0.113.9' });

  installation.clock.advance(SIGN_IN_LIMITS.rememberedMs);
  expect(await guess('203.0.113.9')).toBe(true);
});

test('C4 one address cannot go through many accounts', async () => {
  let heard = 0;
  for (let account = 0; account < 100; account++) {
    const tried = { mail: `person-${account}@example.test`, address: '198.51.100.7' };
    heard += await delays.admit(tried).then(
      () => 1,
      () => 0,
    );
  }
  expect(heard).toBe(SIGN_IN_LIMITS.perAddress.burst);
});

test('C4 of many guesses at once as many are looked at as one after the other, and a try that came to nothing counts for nothing', async () => {
  const tried = { mail: MAIL, address: '192.0.2.1' };
  const heard = await Promise.all(Array.from({ length: 40 }, () => guess(tried.address)));
  expect(heard.filter(Boolean)).toHaveLength(SIGN_IN_LIMITS.freeFailures);
  installation.clock.advance(SIGN_IN_LIMITS.rememberedMs);
  for (let tries = 0; tries < 2 * SIGN_IN_LIMITS.freeFailures; tries++) {
    await delays.admit(tried);
    await delays.takenBack(tried);
  }
});

test('C4 who signs in is forgiven', async () => {
  const tried = { mail: MAIL, address: '192.0.2.1' };
  for (let tries = 0; tries < SIGN_IN_LIMITS.freeFailures; tries++)
    expect(await guess(tried.address)).toBe(true);
  expect(await guess(tried.address)).toBe(false);
  installation.clock.advance(1_000);
  await delays.admit(tried);
  await delays.succeeded(tried);
  for (let tries = 0; tries < SIGN_IN_LIMITS.freeFailures; tries++)
    expect(await guess(tried.address)).toBe(true);
});
