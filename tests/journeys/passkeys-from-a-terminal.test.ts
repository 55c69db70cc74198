/** Passkeys for whoever administers from a terminal, which shows none itself: by a page in a real browser with a virtual authenticator (C4). */
import { AdminClient } from '@kuvert/protocol/admin';
import { type Child, resultOf, type ServerProcess, Site, startInstallation } from '@kuvert/testkit';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SoftwarePasskey } from '../isolation/software-passkey.ts';
import { hasBrowser, type Page, withBrowser } from './browser.ts';

const PASSWORD = 'korrekt Pferd Batterie Heftklammer';

let site: Site;
let server: ServerProcess;

beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
});
afterAll(() => site[Symbol.asyncDispose]());

const own = () => ['--session-file', site.at('olga.json')];
const admin = (...args: string[]) => site.kuvert(['admin', ...args, ...own()]);
const start = (...args: string[]) => site.startKuvert(['admin', ...args, ...own()], { keepsInputOpen: true });

/** The page that a command asks to be opened. */
const pageOf = (child: Child) => /"page":"([^"]+)"/.exec(child.stderr.toString())?.[1];

/** What a script gives in the page, once it gives anything; a page that is on its way to another has nothing to say. */
async function untilShown(page: Page, script: string): Promise<string> {
  for (;;) {
    const seen = await page.run<string>(script).catch(() => '');
    if (seen) return seen;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Opens it, goes on with a passkey, and reads what it shows. */
async function goOn(page: Page, url: string): Promise<string> {
  await page.send('Page.navigate', { url: 'about:blank' });
  await page.send('Page.navigate', { url });
  const button = "document.getElementById('go')";
  // The code is out of what browsers keep.
  const path = await untilShown(page, `${button} && !${button}.hidden && location.pathname + location.hash`);
  expect(path).toBe('/api/v1/browser');
  await page.run(`${button}.click()`);
  const shown = ['answer', 'what'].map((id) => `document.getElementById('${id}').textContent`).join(' || ');
  return untilShown(page, `${button}.hidden && (${shown})`);
}

async function finished(page: Page, child: Child) {
  const url = await child.until('the page is told', () => pageOf(child));
  expect(url).toMatch(/^http:\/\/localhost:\d+\/api\/v1\/browser#/);
  child.write(`wrong\n${await goOn(page, url)}\n`);
  return resultOf(child);
}

test.runIf(hasBrowser)(
  'C4 whoever uses nothing but passkeys adds one, signs in and shows one again from the command line, with a page in a browser',
  async () => {
    const setUp = start('setup', '--server', server.url, '--name', 'Olga', '--mail', 'olga@acme.test');
    setUp.write(`${server.setUpCode}\n${PASSWORD}\n`);
    const secretIn = () => /"totpSecret":"([A-Z2-7]+)"/.exec(setUp.stdout.toString())?.[1];
    const secret = await setUp.until('the secret is shown', secretIn);
    setUp.write(`${generateSync({ secret })}\n`);
    expect((await resultOf(setUp)).code).toBe(0);
    await withBrowser(async (page) => {
      const add = await admin('passkeys', 'add', '--name', 'Laptop');
      expect(add.json[0]).toMatchObject({ state: 'begun' });
      const url = /"page":"([^"]+)"/.exec(add.stderr)?.[1] as string;
      expect(await goOn(page, url)).toMatch(/added|hinzugefügt/);
      expect((await admin('passkeys', 'list')).json).toMatchObject([{ name: 'Laptop' }]);
      const only = await admin('operator-sign-in-rules', 'change', '--passkeys-only');
      expect(only.json[0]).toMatchObject({ passkeysOnly: true });
      await admin('sign-out');

      const signedIn = await finished(page, start('sign-in', '--server', server.url, '--passkey'));
      expect([signedIn.code, signedIn.json]).toEqual([0, [{ expiresAt: expect.any(String) }]]);
      const stepped = await finished(page, start('step-up'));
      expect([stepped.code, stepped.json]).toEqual([0, [{ until: expect.any(String) }]]);
      const back = await admin('operator-sign-in-rules', 'change', '--no-passkeys-only');
      expect(back.json[0]).toMatchObject({ passkeysOnly: false });
      const { json } = await admin('operator-audit', 'search');
      expect(json.map(({ action }) => action)).toContain('step-up.refused');
    });
  },
  // A dozen commands, each of which starts a process.
  600_000,
);

test('C4 a request to a browser is good once, for five minutes, for the terminal that made it and for the passkeys of who is signed in there', async () => {
  await using installation = await startInstallation();
  const [olga, otto] = [
    await installation.administrator('operator', 'Olga'),
    await installation.administrator('operator', 'Otto'),
  ];
  const anybody = new AdminClient({ url: installation.url, fetch });
  const keyOf = async (somebody: typeof olga) => {
    await somebody.stepUp();
    const { options } = (await somebody.call('passkeys.begin')).result;
    const key = new SoftwarePasskey();
    const body = { name: 'Laptop', credential: key.made(options) as never };
    await somebody.call('passkeys.create', { body });
    return { key, userId: (options as { user: { id: string } }).user.id };
  };
  const [ofOlga, ofOtto] = [await keyOf(olga), await keyOf(otto)];
  const onPage = async (code: string, { key, userId }: typeof ofOlga) => {
    const { options, kind } = (await anybody.call('browser-page.open', { body: { code } })).result;
    const body = { code, credential: key.shown(options, userId) as never };
    return { kind, answer: (await anybody.call('browser-page.answer', { body })).result.answer as string };
  };
  const codeOf = (error: { code: string }) => error.code;
  const begun = async (by: typeof olga) => (await by.call('browser-step-up.begin')).result.code;
  const finish = (by: typeof olga, body: { code: string; answer: string }) =>
    by.call('browser-step-up.finish', { body }).then(() => 'done', codeOf);

  installation.clock.advance(6 * 60_000);
  const code = await begun(olga);
  expect(await finish(olga, { code, answer: 'none yet' })).toBe('sign_in_failed');
  expect(await onPage(code, ofOtto).catch(codeOf)).toBe('sign_in_failed');
  const { kind, answer } = await onPage(code, ofOlga);
  expect(kind).toBe('step-up');
  // Nobody has the page answered twice, and the answer is for one session.
  expect(await onPage(code, ofOlga).catch(codeOf)).toBe('browser_request_not_valid');
  expect(await finish(otto, { code, answer })).toBe('browser_request_not_valid');
  const asSignIn = anybody.call('browser-sign-in.finish', { body: { code, answer } });
  expect(await asSignIn.catch(codeOf)).toBe('browser_request_not_valid');
  await expect(olga.call('passkeys.begin')).rejects.toMatchObject({ code: 'step_up_required' });
  expect(await finish(olga, { code, answer: answer.toUpperCase() })).toBe('done');
  await olga.call('passkeys.begin');
  expect(await finish(olga, { code, answer })).toBe('browser_request_not_valid');

  const late = await begun(olga);
  const shown = await onPage(late, ofOlga);
  installation.clock.advance(5 * 60_000);
  expect(await finish(olga, { code: late, answer: shown.answer })).toBe('browser_request_not_valid');

  // Five wrong answers, and it is gone, whoever gives the right one then.
  const { code: door } = (await anybody.call('browser-sign-in.begin')).result;
  const { answer: right } = await onPage(door, ofOtto);
  const come = (given: string) =>
    anybody.call('browser-sign-in.finish', { body: { code: door, answer: given } }).then(() => 'in', codeOf);
  for (let tries = 0; tries < 5; tries++) expect(await come('0000-0000')).toBe('sign_in_failed');
  expect(await come(right)).toBe('browser_request_not_valid');
  const again = (await anybody.call('browser-sign-in.begin')).result.code;
  const { answer: good } = await onPage(again, ofOtto);
  const { token } = (await anybody.call('browser-sign-in.finish', { body: { code: again, answer: good } }))
    .result;
  expect((await anybody.as(token).call('me')).result.mail).toBe(otto.mail);

  // With its session a request ends.
  await olga.signIn();
  const orphan = await begun(olga);
  const { sessionId } = (await olga.call('me')).result;
  await olga.call('sessions.end', { params: { sessionId } });
  expect(await onPage(orphan, ofOlga).catch(codeOf)).toBe('browser_request_not_valid');

  // Where nothing but passkeys counts, a refused code of the app is on record.
  await olga.signIn();
  const rules = await olga.call('operator-sign-in-rules.get');
  await olga.call('operator-sign-in-rules.change', { body: { passkeysOnly: true }, ifMatch: rules.etag });
  expect(await olga.stepUp().catch(codeOf)).toBe('passkey_required');
  const { entries } = (await olga.call('operator-audit.search')).result;
  expect(entries[0]?.action === 'audit.searched' ? entries[1] : entries[0]).toMatchObject({
    action: 'step-up.refused',
    outcome: 'refused',
  });
});
