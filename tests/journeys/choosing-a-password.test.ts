/** How a password is chosen: what is said before, what is refused, and what happens when one has to be chosen anew (C5). */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ID_TYPES, type IdType, makeId } from '@kuvert/protocol';
import {
  ADMIN_OPERATIONS,
  AdminClient,
  type AdminOperation,
  type AdminOperationId,
} from '@kuvert/protocol/admin';
import {
  ADMIN_PASSWORD,
  startInstallation,
  type TestAdministrator,
  type TestInstallation,
} from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const DAY = 86_400_000;
const ANOTHER = 'sieben Zwerge rudern nach Grönland';
const BREACHED = 'kupferne Gabeln schlafen nie im Regen';

let installation: TestInstallation;
let folder: string;
let list: string;
let chief: TestAdministrator;
let tenantId: never;

const codeOf = (error: { code: string }) => error.code;
const sha1 = (text: string) => createHash('sha1').update(text).digest('hex').toUpperCase();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kuvert-breached-'));
  list = join(folder, 'list.txt');
  writeFileSync(list, `${sha1('something else')}:1\n`);
  installation = await startInstallation({ breachedPasswordsFile: list });
  tenantId = (await installation.tenant('Zwölfender Reederei')).tenantId as never;
  chief = await installation.administrator('tenant-admin', 'Anna', tenantId);
});
afterAll(async () => {
  await installation[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const anybody = (language: 'en' | 'de' = 'en') => new AdminClient({ url: installation.url, fetch, language });

/** An id of nothing that there is, of the type that a parameter's name says. */
function idFor(name: string): string {
  const type = name.replace(/Id$/, '') as IdType;
  return name === 'tenantId' ? tenantId : makeId(type in ID_TYPES ? type : 'person', new Uint8Array(16));
}

/** Signs in with a password, as whoever has this authenticator app. */
async function signIn(somebody: TestAdministrator, password = ADMIN_PASSWORD) {
  const secondFactor = { kind: 'totp' as const, code: somebody.totp() };
  const body = { mail: somebody.mail, password, secondFactor };
  const { result } = await anybody().call('sessions.create', { body });
  return { due: result.passwordDue, client: anybody().as(result.token) };
}

test('C5 before a password is chosen it is said how strong it is and why it would not be taken, in the language of who asks', async () => {
  const { result } = await chief.call('administrators.invite', {
    params: { tenantId },
    body: { role: 'help-desk', mail: 'hugo@reederei.test' },
  });
  const { code } = result;
  const strength = async (password: string, language: 'en' | 'de' = 'en') => {
    const body = { code, password, name: 'Hugo Petersilie' };
    return (await anybody(language).call('invitations.check-password', { body })).result;
  };
  expect(await strength(ADMIN_PASSWORD)).toEqual({ isGoodEnough: true, score: 4, scoreMin: 3, reasons: [] });
  const reasonsOf = async (password: string) => (await strength(password)).reasons.map((one) => one.code);
  expect(await reasonsOf('kurz')).toContain('too_short');
  expect(await reasonsOf('x'.repeat(129))).toEqual(['too_long']);
  expect(await reasonsOf('qwertzuiop12')).toEqual([expect.stringMatching(/^(keyboard|common|guessable)$/)]);
  expect(await reasonsOf('aaaaaaaaaaaaaaaa')).toEqual(['repeats']);
  // Of the organisation, the person and the product, in any order and number.
  for (const words of ['Zwölfender Reederei Kuvert', 'HugoPetersilieReederei', 'kuvertkuvertZWÖLFENDER'])
    expect(await reasonsOf(words), words).toEqual([
      expect.stringMatching(/^(known_words|guessable|repeats)$/),
    ]);
  const german = await strength('Zwölfender Reederei Kuvert', 'de');
  expect(german.reasons[0]?.says).toMatch(/^(Ohne|Es|Wiederholungen)/);
  const opened = anybody().call('invitations.open', {
    body: { code, password: 'Zwölfender Reederei Kuvert', name: 'Hugo Petersilie' },
  });
  await expect(opened).rejects.toMatchObject({ code: 'password_weak' });
  const wrong = anybody().call('invitations.check-password', { body: { code: 'x', password: 'kurz' } });
  await expect(wrong).rejects.toMatchObject({ code: 'invitation_not_valid' });
});

test('C5 H8 what was asked about is in no log and no record, and nobody asks without end', async () => {
  const secret = 'geheime Frage nach Otterngezücht';
  const before = (await chief.call('audit.search', { params: { tenantId } })).result.entries.length;
  await chief.call('password.check', { body: { newPassword: secret } });
  expect(installation.log.join('\n')).not.toContain('Otterngezücht');
  expect((await chief.call('audit.search', { params: { tenantId } })).result.entries).toHaveLength(
    before + 1,
  );
  expect(await installation.bytesAtRest(tenantId)).not.toContain('Otterngezücht');
  const tries = Array.from({ length: 31 }, () =>
    chief.call('password.check', { body: { newPassword: 'x' } }),
  );
  expect(await Promise.all(tries.map((one) => one.then(() => 'told', codeOf)))).toContain('rate_limited');
  installation.clock.advance(120_000);
});

test('C5 somebody changes their password with the present one and a fresh second factor, and is signed out everywhere else', async () => {
  const berta = await installation.administrator('auditor', 'Berta', tenantId);
  const elsewhere = (await signIn(berta)).client;
  const here = (await signIn(berta)).client;
  const change = (password: string, newPassword: string) =>
    here.call('password.change', { body: { password, newPassword } }).then(() => 'done', codeOf);
  expect(await change('nicht das richtige', ANOTHER)).toBe('sign_in_failed');
  expect(await change(ADMIN_PASSWORD, ADMIN_PASSWORD)).toBe('password_weak');
  expect(await change(ADMIN_PASSWORD, 'Zwölfender Berta Reederei')).toBe('password_weak');
  installation.clock.advance(6 * 60_000);
  expect(await change(ADMIN_PASSWORD, ANOTHER)).toBe('step_up_required');
  await here.call('sessions.step-up', { body: { totp: berta.totp() } });
  // Of two at the same time one is right.
  const both = await Promise.all([change(ADMIN_PASSWORD, ANOTHER), change(ADMIN_PASSWORD, ANOTHER)]);
  expect(both.sort()).toEqual(['done', 'sign_in_failed']);
  await expect(elsewhere.call('me')).rejects.toMatchObject({ code: 'unauthenticated' });
  expect((await here.call('me')).result.password.due).toBeNull();
  await expect(signIn(berta)).rejects.toMatchObject({ code: 'sign_in_failed' });
  await signIn(berta, ANOTHER);
  const { entries } = (await chief.call('audit.search', { params: { tenantId } })).result;
  const actions = entries.map(({ action }) => action);
  expect(actions).toContain('password.changed');
  expect(actions).toContain('password.refused');
});

test('C5 a greatest age is off unless a tenant asks for it, says that it is a deviation, and leads whoever signs in later to another password and never to a lock-out', async () => {
  const carla = await installation.administrator('auditor', 'Carla', tenantId);
  await chief.signIn();
  const rules = await chief.call('sign-in-rules.get', { params: { tenantId } });
  expect(rules.result).toMatchObject({ passwordMaxAgeDays: null, deviations: [] });
  const set = (passwordMaxAgeDays: number | null, etag?: string) =>
    chief.call('sign-in-rules.change', { params: { tenantId }, body: { passwordMaxAgeDays }, ifMatch: etag });
  expect(await set(29, rules.etag).catch(codeOf)).toBe('bad_request');
  const changed = await set(30, rules.etag);
  expect(changed.result.deviations).toMatchObject([
    {
      setting: 'passwordMaxAgeDays',
      from: expect.arrayContaining([expect.stringContaining('NIST'), expect.stringContaining('BSI')]),
      says: expect.stringContaining('deviation'),
    },
  ]);
  const { result: seen } = await chief.call('sign-in-rules.get', { params: { tenantId } });
  expect(seen.deviations).toHaveLength(1);
  expect((await chief.call('me')).result.password.expiresAt).not.toBeNull();

  installation.clock.advance(29 * DAY);
  expect((await signIn(carla)).due).toBeUndefined();
  installation.clock.advance(2 * DAY);
  const { due, client } = await signIn(carla);
  expect(due).toBe('expired');
  expect((await client.call('me')).result.password).toMatchObject({ due: 'expired' });
  // Everything that is not on the way to another password is refused, whatever else is wrong with it.
  for (const [id, one] of Object.entries<AdminOperation>(ADMIN_OPERATIONS)) {
    if (one.access === 'public') continue;
    const names = Object.keys(one.params.shape).map((name) => [name, idFor(name)]);
    const input = { params: Object.fromEntries(names), ifMatch: 'x' };
    const code = await client.call(id as AdminOperationId, input as never).then(() => 'done', codeOf);
    expect(code === 'password_change_required', `${id} ${code}`).toBe(one.beforeNewPassword !== true);
  }
  const asked = { params: { tenantId } };
  await expect(client.call('audit.search', asked)).rejects.toMatchObject({
    code: 'password_change_required',
    details: { reason: 'expired' },
  });
  // However often somebody comes and goes without choosing.
  for (let times = 0; times < 3; times++) expect((await signIn(carla)).due).toBe('expired');
  const again = await signIn(carla);
  await again.client.call('password.change', { body: { password: ADMIN_PASSWORD, newPassword: ANOTHER } });
  await again.client.call('audit.search', asked);
  expect((await signIn(carla, ANOTHER)).due).toBeUndefined();

  await chief.signIn().catch(() => undefined);
  await chief.call('password.change', { body: { password: ADMIN_PASSWORD, newPassword: ANOTHER } });
  await set(null, (await chief.call('sign-in-rules.get', { params: { tenantId } })).etag);
});

test('C5 a password that turns up in a list of breached ones has to be chosen anew at the next sign-in', async () => {
  const tenant = await installation.tenant('Ruhig');
  const dora = await installation.administrator('auditor', 'Dora', tenant.tenantId);
  const { client } = await signIn(dora);
  await client.call('password.change', { body: { password: ADMIN_PASSWORD, newPassword: BREACHED } });
  expect((await signIn(dora, BREACHED)).due).toBeUndefined();
  writeFileSync(list, `${[sha1('something else'), sha1(BREACHED)].sort().join(':3\n')}:7\n`);
  const later = await signIn(dora, BREACHED);
  expect(later.due).toBe('breached');
  const { result } = await later.client.call('password.check', { body: { newPassword: BREACHED } });
  expect(result).toMatchObject({ isGoodEnough: false, score: 0, reasons: [{ code: 'breached' }] });
  await later.client.call('password.change', { body: { password: BREACHED, newPassword: ANOTHER } });
  // A list that is gone keeps nobody out.
  rmSync(list);
  expect((await signIn(dora, ANOTHER)).due).toBeUndefined();
});
