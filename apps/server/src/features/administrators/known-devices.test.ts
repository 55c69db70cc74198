/** Who has the token of a known device is held up by nobody else, and nobody else gains anything by trying (C4). */
import { generateSync } from 'otplib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { administrators } from './collections.ts';
import { KNOWN_DEVICE_LIMITS } from './known-devices.ts';
import type { AdministratorService } from './service.ts';
import { SIGN_IN_LIMITS } from './sign-in-delays.ts';

const WHO = { name: 'Olga', mail: 'olga@example.test', password: 'korrekt Pferd Batterie Heftklammer' };
const HOME = '192.0.2.1';
/** Where nobody has signed in so far. */
const AWAY = '203.0.113.77';

let installation: TestInstallation;
let service: AdministratorService;
let secret: string;

beforeEach(async () => {
  installation = await openTestInstallation();
  ({ service } = installation.administrators);
  secret = await come(await service.invitations.makeSetUpCode());
});
afterEach(() => installation.close());

async function come(code: string, mail = WHO.mail): Promise<string> {
  const { totpSecret } = await service.invitations.open(code, { ...WHO, mail });
  await service.invitations.accept(code, shownBy(totpSecret), HOME);
  return totpSecret;
}

function shownBy(appSecret: string): string {
  installation.clock.advance(30_000);
  return generateSync({ secret: appSecret, epoch: Math.floor(installation.clock.nowMs() / 1_000) });
}

interface Tried {
  readonly address: string;
  readonly deviceToken?: string | undefined;
  readonly password?: string;
}

/** @returns the token for the next time, or the code of the refusal */
function signIn({ password = WHO.password, ...from }: Tried): Promise<string> {
  const secondFactor = { kind: 'totp', code: shownBy(secret) } as const;
  return service.signIn({ mail: WHO.mail, password, secondFactor, ...from }).then(
    ({ deviceToken = '' }) => deviceToken,
    (error: { code: string }) => error.code,
  );
}

/** Strangers fail, from ever new addresses, until nobody unknown is heard, and on. */
async function underAttack(tries: number): Promise<void> {
  for (let count = 0; count < tries; count++) {
    const address = `198.51.${Math.floor(count / 250)}.${count % 250}`;
    await service.delays.admit({ mail: WHO.mail, address }).catch(() => undefined);
  }
}

const guess = (deviceToken: string | undefined) => signIn({ address: AWAY, deviceToken, password: 'wrong' });

test('C4 after thousands of failures from everywhere, also from the same address, whoever has the token of a known device signs in at once from wherever they are', async () => {
  const token = await signIn({ address: HOME });
  expect(token).toMatch(/^[\w-]{43}$/);
  await underAttack(2_500);
  for (let tries = 0; tries < 2 * SIGN_IN_LIMITS.perAddress.burst; tries++)
    await service.delays.admit({ mail: WHO.mail, address: AWAY }).catch(() => undefined);
  expect(await signIn({ address: AWAY })).toBe('rate_limited');
  const next = await signIn({ address: AWAY, deviceToken: token });
  expect(next).toMatch(/^[\w-]{43}$/);
  // A token is good once, and another's success opens nothing to strangers.
  expect(await signIn({ address: '203.0.113.78', deviceToken: token })).toBe('rate_limited');
  expect(await signIn({ address: '203.0.113.78' })).toBe('rate_limited');
  expect(await signIn({ address: '203.0.113.78', deviceToken: next })).toMatch(/^[\w-]{43}$/);
});

test('C4 a token of another account, one that is over, void or none at all gives nothing more than an unknown address', async () => {
  const own = await signIn({ address: HOME });
  const { code } = await service.invitations.make(
    {
      grant: { role: 'operator', scope: { kind: 'installation' } },
      mail: 'otto@example.test',
      kind: 'invitation',
    },
    () => async () => undefined,
  );
  const ottos = await come(code, 'otto@example.test');
  const totp = { kind: 'totp', code: shownBy(ottos) } as const;
  const { deviceToken: foreign } = await service.signIn({
    ...WHO,
    mail: 'otto@example.test',
    secondFactor: totp,
    address: HOME,
  });
  await underAttack(SIGN_IN_LIMITS.strangersUpTo + 1);
  for (const token of [foreign, 'x', 'A'.repeat(43), `${own.slice(0, -1)}_`, ''])
    expect(await signIn({ address: AWAY, deviceToken: token }), token).toBe('rate_limited');
  // What ends all sessions ends what they may have taken along.
  const second = await signIn({ address: AWAY, deviceToken: own });
  const { rows } = await installation.store.operator().list(administrators, { limit: 10 });
  const olga = rows.find(({ mail }) => mail === WHO.mail);
  await installation.store.operator().write(async (tx) => {
    await service.sessions.endAll(tx, olga?.administratorId as never);
  });
  expect(await signIn({ address: '203.0.113.78', deviceToken: second })).toBe('rate_limited');
});

test('C4 a token is over after its time, and an account has so many at most', async () => {
  const first = await signIn({ address: HOME });
  for (let count = 0; count < KNOWN_DEVICE_LIMITS.perAccount; count++) await signIn({ address: HOME });
  const last = await signIn({ address: HOME });
  await underAttack(SIGN_IN_LIMITS.strangersUpTo + 1);
  expect(await signIn({ address: AWAY, deviceToken: first })).toBe('rate_limited');
  const next = await signIn({ address: AWAY, deviceToken: last });
  installation.clock.advance(KNOWN_DEVICE_LIMITS.keptMs);
  await underAttack(SIGN_IN_LIMITS.strangersUpTo + 1);
  expect(await signIn({ address: '203.0.113.78', deviceToken: next })).toBe('rate_limited');
});

test('C4 whoever has found a token has a few tries with it, ever more slowly, and then it is void; guesses of tokens count as those of strangers', async () => {
  const token = await signIn({ address: HOME });
  let heard = 0;
  for (let tries = 0; tries < 40; tries++) {
    if ((await guess(token)) === 'sign_in_failed') heard += 1;
    else installation.clock.advance(SIGN_IN_LIMITS.waitMaxMs / 30);
    if (heard === KNOWN_DEVICE_LIMITS.wrongTries) break;
  }
  expect(heard).toBe(KNOWN_DEVICE_LIMITS.wrongTries);
  const { computed } = service.passwords;
  const outcomes: string[] = [];
  // From now on as without one: what has failed here counts by address.
  for (let tries = 0; tries < 2 * SIGN_IN_LIMITS.freeFailures; tries++)
    outcomes.push(
      await service
        .signIn({
          ...WHO,
          password: 'wrong',
          secondFactor: { kind: 'totp', code: '000000' },
          address: AWAY,
          deviceToken: tries % 2 === 0 ? token : 'B'.repeat(43),
        })
        .then(
          () => 'in',
          (error: { code: string }) => error.code,
        ),
    );
  expect(outcomes.filter((one) => one === 'sign_in_failed')).toHaveLength(SIGN_IN_LIMITS.freeFailures);
  expect(service.passwords.computed - computed).toBe(SIGN_IN_LIMITS.freeFailures);
});

test('C4 many tries at once with one token are looked at no oftener than one after the other', async () => {
  const deviceToken = await signIn({ address: HOME });
  const tried = {
    ...WHO,
    password: 'wrong',
    secondFactor: { kind: 'totp', code: '000000' },
    address: AWAY,
    deviceToken,
  } as const;
  const codes = await Promise.all(
    Array.from({ length: 20 }, () => service.signIn(tried).catch((error: { code: string }) => error.code)),
  );
  expect(codes.filter((code) => code === 'sign_in_failed')).toHaveLength(SIGN_IN_LIMITS.freeFailures);
});
