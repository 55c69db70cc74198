/** Passwords: what is refused, and that nobody can tell from the work done whether a name is there. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { BreachedPasswords } from './breached-passwords.ts';

let installation: TestInstallation;
let folder: string;

beforeEach(async () => {
  installation = await openTestInstallation();
  folder = mkdtempSync(join(tmpdir(), 'kuvert-passwords-'));
});
afterEach(async () => {
  await installation.close();
  rmSync(folder, { recursive: true, force: true });
});

test('C6 a wrong password, a wrong second factor and a name that is not there each cost exactly one hash', async () => {
  const { service } = installation.administrators;
  const code = await service.invitations.makeSetUpCode();
  const password = 'korrekt Pferd Batterie Heftklammer';
  await service.invitations.open(code, { name: 'Olga', mail: 'olga@example.test', password });
  const secondFactor = { kind: 'totp', code: '000000' } as const;
  for (const [mail, shown] of [
    ['olga@example.test', 'wrong, and wrong again'],
    ['olga@example.test', password],
    ['nobody@example.test', password],
  ] as const) {
    const before = service.passwords.computed;
    const tried = { mail, password: shown, secondFactor, address: '192.0.2.1' };
    await expect(service.signIn(tried)).rejects.toMatchObject({ code: 'sign_in_failed' });
    expect(service.passwords.computed - before, mail).toBe(1);
  }
});

test.each(['\n', '\r\n'])(
  'C5 every password of a list is found and no other, with lines ended by %j',
  async (end) => {
    const hashOf = (text: string) => createHash('sha1').update(text).digest('hex').toUpperCase();
    const listed = Array.from({ length: 300 }, (_, i) => `password ${i}`);
    const lines = listed.map((text, i) => `${hashOf(text)}:${i * i * i}`).sort();
    for (const tail of ['', end]) {
      const path = join(folder, 'list.txt');
      writeFileSync(path, lines.join(end) + tail);
      const breached = new BreachedPasswords(path);
      for (const text of listed) expect(await breached.has(text), text).toBe(true);
      for (let i = 0; i < 300; i++) expect(await breached.has(`another ${i}`)).toBe(false);
    }
    writeFileSync(join(folder, 'empty.txt'), '');
    expect(await new BreachedPasswords(join(folder, 'empty.txt')).has('x')).toBe(false);
    expect(await new BreachedPasswords(undefined).has('password 1')).toBe(false);
  },
);
