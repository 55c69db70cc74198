/** Administrator 1 and 3 from the command line: setting up, delegating, and the way in when nobody can sign in any more (C3 C4). */
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { type Child, resultOf, type ServerProcess, Site } from '@kuvert/testkit';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, expect, test } from 'vitest';

const PASSWORD = 'korrekt Pferd Batterie Heftklammer';

let site: Site;
let server: ServerProcess;

beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
});
afterAll(() => site[Symbol.asyncDispose]());

/** The session of somebody of this test. */
const as = (name: string) => ['--session-file', site.at(`${name}.json`)];

/** `kuvert admin …` to its end. */
function admin(name: string, args: readonly string[], input = ''): ReturnType<typeof site.kuvert> {
  return site.kuvert(['admin', ...args, ...as(name)], { stdin: input });
}

/** Comes in with a code, as a script does: the secret is read from what the command says before the app's digits are asked for. */
async function comeIn(name: string, verb: 'setup' | 'accept', code: string): Promise<string> {
  const words = [
    'admin',
    verb,
    '--server',
    server.url,
    '--name',
    name,
    '--mail',
    `${name}@acme.test`,
    ...as(name),
  ];
  const child = site.startKuvert(words, { keepsInputOpen: true });
  // A weak password is told of before anything is chosen, and another asked for.
  child.write(`${code}\nKuvert ${name}\n${PASSWORD}\n`);
  const secret = await child.until('the secret is shown', () => secretIn(child));
  // Letters in the place of digits, and digits that are wrong, are asked for again.
  child.write(`sechs\n${wrongFor(secret)}\n${generateSync({ secret })}\n`);
  const result = await resultOf(child);
  expect(result.stderr).not.toContain('"error"');
  expect(result.stderr).toMatch(/"isGoodEnough":false[^\n]*\n.*"isGoodEnough":true/);
  expect(result.json[1]?.recoveryCodes).toHaveLength(10);
  return secret;
}

/** Six digits that the app does not show. */
function wrongFor(secret: string): string {
  return generateSync({ secret }).replaceAll(/\d/g, (digit) => String((Number(digit) + 1) % 10));
}

function secretIn(child: Child): string | undefined {
  return /"totpSecret":"([A-Z2-7]+)"/.exec(child.stdout.toString())?.[1];
}

test('C3 C4 the set-up code makes an operator, who makes a tenant and its first administrator, who adds people', async () => {
  await comeIn('olga', 'setup', server.setUpCode);
  const file = site.at('olga.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).not.toContain(PASSWORD);
  const [tenant] = (await admin('olga', ['tenants', 'create', '--name', 'Acme'])).json;
  const tenantId = tenant?.tenantId as string;
  const appoint = ['tenants', 'appoint', '--tenant', tenantId, '--mail', 'anna@acme.test'];
  const [invitation] = (await admin('olga', appoint)).json;
  expect((await admin('olga', ['people', 'list', '--tenant', tenantId])).errorCode).toBe('not_allowed');

  await comeIn('anna', 'accept', invitation?.code as string);
  expect((await admin('olga', appoint)).errorCode).toBe('administrator_present');
  const add = (name: string) => [
    'people',
    'create',
    '--tenant',
    tenantId,
    '--name',
    name,
    '--mail',
    `${name}@acme.test`,
  ];
  const [ben] = (await admin('anna', add('ben'))).json;
  expect((await admin('anna', add('ben'))).errorCode).toBe('mail_taken');
  await admin('anna', add('carla'));
  const found = await admin('anna', ['people', 'list', '--tenant', tenantId, '--q', 'BEN acme']);
  expect(found.json).toEqual([ben]);
  const one = await admin('anna', ['people', 'list', '--tenant', tenantId, '--limit', '1']);
  expect([one.json.length, one.stderr]).toEqual([1, expect.stringContaining('"more"')]);
  const [token] = (
    await admin('anna', ['tokens', 'create', '--tenant', tenantId, '--person', ben?.personId as string])
  ).json;
  expect(token?.token).toMatch(/^kuvert1_/);
  const german = await site.kuvert([
    'admin',
    'people',
    'get',
    '--tenant',
    'tn_x',
    '--person',
    'pe_x',
    '--lang',
    'de',
    ...as('anna'),
  ]);
  expect([german.code, german.stderr]).toEqual([2, expect.stringContaining('passt nicht')]);
  const [renewed] = (await admin('anna', ['recovery-codes', 'renew'])).json;
  expect(renewed?.recoveryCodes).toHaveLength(10);
  const replacing = site.startKuvert(['admin', 'authenticator', 'change', ...as('anna')], {
    keepsInputOpen: true,
  });
  const secret = await replacing.until('the secret is shown', () => secretIn(replacing));
  replacing.write(`${wrongFor(secret)}\n${generateSync({ secret })}\n`);
  expect((await resultOf(replacing)).json[1]).toEqual({ state: 'done' });
  // This machine is known from now on, also signed out, by a token of another kind than the session's.
  const device = readFileSync(site.at('anna.json.devices'), 'utf8');
  const out = await admin('anna', ['sign-out']);
  expect(out.json).toEqual([{ state: 'signed-out' }]);
  expect(statSync(site.at('anna.json.devices')).mode & 0o777).toBe(0o600);
  const [codeToSignIn = ''] = (renewed?.recoveryCodes ?? []) as string[];
  const signIn = ['sign-in', '--server', server.url, '--mail', 'anna@acme.test', '--recovery'];
  expect((await admin('anna', signIn, `${PASSWORD}\n${codeToSignIn}\n`)).code).toBe(0);
  expect(readFileSync(site.at('anna.json.devices'), 'utf8')).not.toBe(device);
  await admin('anna', ['sign-out']);
  expect((await admin('anna', ['me'])).errorCode).toBe('not_signed_in');
});

test('C4 a session file that others can read, and a password in clear over a network, are refused', async () => {
  chmodSync(site.at('olga.json'), 0o644);
  expect((await admin('olga', ['me'])).errorCode).toBe('keys_open');
  chmodSync(site.at('olga.json'), 0o600);
  expect((await admin('olga', ['me'])).json[0]).toMatchObject({ mail: 'olga@acme.test' });
  const far = await admin(
    'otto',
    ['sign-in', '--server', 'http://192.0.2.1', '--mail', 'otto@acme.test'],
    'x\n',
  );
  expect(far.errorCode).toBe('plain_http_refused');
  const { stderr, code } = await admin(
    'otto',
    ['sign-in', '--server', server.url, '--mail', 'otto@acme.test'],
    '',
  );
  expect([code, stderr]).toEqual([2, expect.stringContaining('answer is missing')]);
});

test('C4 who has lost all access is invited past the API with the operator key, and only with that', async () => {
  const invited = await site.kuvert(['operator', 'invite', '--role', 'operator', '--mail', 'otto@acme.test']);
  await comeIn('otto', 'accept', invited.json[0]?.code as string);
  const { json } = await admin('otto', ['operators', 'list']);
  expect(json.map(({ mail }) => mail).sort()).toEqual(['olga@acme.test', 'otto@acme.test']);
  const elsewhere = await site.kuvert(['operator', 'invite', '--role', 'help-desk', '--mail', 'x@acme.test']);
  expect(elsewhere.errorCode).toBe('usage');
});

test('F4 a checkpoint and the whole log are saved as files, which are checked without the server', async () => {
  const [checkpoint, audit] = [site.at('checkpoint.txt'), site.at('audit.csv')];
  const [head] = (await admin('otto', ['operator-audit', 'checkpoint', '--save', checkpoint])).json;
  const taken = ['operator-audit', 'export', '--format', 'csv', '--save', audit];
  const [saved] = (await admin('otto', taken)).json;
  expect(saved).toMatchObject({ saved: [audit], next: null });
  expect(statSync(audit).mode & 0o777).toBe(0o600);
  const verified = await site.kuvert([
    'verify',
    audit,
    '--key',
    head?.key as string,
    '--earlier',
    checkpoint,
  ]);
  expect([verified.code, verified.json[0]]).toMatchObject([0, { ok: true, entries: saved?.entries }]);
  expect((await admin('otto', taken)).errorCode).toBe('usage');
});

test('C5 a password is judged before it is chosen and changed from the command line, and a greatest age is shown as the deviation that it is', async () => {
  const [strength] = (await admin('otto', ['password', 'check'], 'Otto Kuvert 2026\n')).json;
  expect(strength).toMatchObject({
    isGoodEnough: false,
    scoreMin: 3,
    reasons: [{ says: expect.any(String) }],
  });
  const german = await site.kuvert(['admin', 'password', 'check', '--lang', 'de', ...as('otto')], {
    stdin: 'kurz\n',
  });
  expect(german.json[0]?.reasons).toContainEqual({
    code: 'too_short',
    says: expect.stringMatching(/^Es hat weniger/),
  });
  const rules = (...options: string[]) => admin('otto', ['operator-sign-in-rules', ...options]);
  const [set] = (await rules('change', '--password-max-age-days', '90')).json;
  expect(set).toMatchObject({ passwordMaxAgeDays: 90, deviations: [{ setting: 'passwordMaxAgeDays' }] });
  const [off] = (await rules('change', '--password-max-age-days', 'none')).json;
  expect(off).toMatchObject({ passwordMaxAgeDays: null, deviations: [] });
  expect((await admin('otto', ['operator-sign-in-rules', 'change', '--help'])).stdout.toString()).toContain(
    'NIST',
  );
  const another = 'sieben Zwerge rudern nach Grönland';
  const wrong = await admin('otto', ['password', 'change'], `nicht das richtige\n${another}\n`);
  expect(wrong.errorCode).toBe('sign_in_failed');
  const changed = await admin(
    'otto',
    ['password', 'change'],
    `${PASSWORD}\n${PASSWORD} \nkurz\n${another}\n`,
  );
  expect(changed.json).toEqual([{ state: 'done' }]);
  expect(
    (await admin('otto', ['password', 'change'], `${PASSWORD}\nacht Zwerge rudern nach Feuerland\n`))
      .errorCode,
  ).toBe('sign_in_failed');
});
