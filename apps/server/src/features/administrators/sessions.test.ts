/** Sessions of administrators: however many there were, whoever ends all has ended all (C4). */
import { generateSync } from 'otplib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import type { AdministratorService } from './service.ts';

const ADDRESS = '192.0.2.1';
const HOW = { factor: 'totp' } as const;
const WHO = { name: 'Olga', mail: 'olga@example.test', password: 'korrekt Pferd Batterie Heftklammer' };

let installation: TestInstallation;
let service: AdministratorService;

beforeEach(async () => {
  installation = await openTestInstallation();
  ({ service } = installation.administrators);
});
afterEach(() => installation.close());

async function becomeOperator(code: string, mail = WHO.mail) {
  const { totpSecret: secret } = await service.invitations.open(code, { ...WHO, mail });
  const totp = generateSync({ secret, epoch: Math.floor(installation.clock.nowMs() / 1_000) });
  return (await service.invitations.accept(code, totp, ADDRESS)).administrator;
}

test('C4 of somebody with more sessions behind them than a list holds, none is left when all end', async () => {
  const olga = await becomeOperator(await service.invitations.makeSetUpCode());
  const { sessions } = service;
  const tokens: string[] = [];
  for (let count = 0; count < 130; count++) {
    installation.clock.advance(60_000);
    tokens.push((await sessions.begin(olga, ADDRESS, HOW)).token);
  }
  expect(await sessions.list(olga.administratorId)).toHaveLength(15);
  await installation.store.operator().write(async (tx) => {
    await sessions.endAll(tx, olga.administratorId);
  });
  for (const token of tokens) expect(await sessions.find(token)).toBeUndefined();
});

test('C4 there are never more than twenty sessions, also when many begin at once, and none begins with what was reset meanwhile', async () => {
  const olga = await becomeOperator(await service.invitations.makeSetUpCode());
  const { sessions } = service;
  await Promise.all(Array.from({ length: 30 }, () => sessions.begin(olga, ADDRESS, HOW)));
  expect(await sessions.list(olga.administratorId)).toHaveLength(20);
  const shownBefore = { ...olga, totpSecret: 'another' };
  await expect(sessions.begin(shownBefore, ADDRESS, HOW)).rejects.toMatchObject({ code: 'sign_in_failed' });
});

test('C4 a set-up code makes the first operator or nobody: one who came in otherwise makes it void', async () => {
  const setUp = await service.invitations.makeSetUpCode();
  const grant = { role: 'operator', scope: { kind: 'installation' } } as const;
  const invited = await service.invitations.make(
    { grant, mail: WHO.mail, kind: 'invitation' },
    () => async () => undefined,
  );
  await becomeOperator(invited.code);
  await expect(becomeOperator(setUp, 'otto@example.test')).rejects.toMatchObject({
    code: 'invitation_not_valid',
  });
});
