/** A disk that fills while the server runs: it refuses what it cannot keep, gives out what it has, and recovers by itself (P7). */
import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { canMount, type ServerProcess, Site, SmallDisk, type TestPerson } from '@kuvert/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const isRedoLog = (name: string): boolean => name.endsWith('-redo');
const FLUSH = { timeoutMs: 60_000 };

describe.skipIf(!canMount())('P7 a full disk', () => {
  let disk: SmallDisk;
  let site: Site;
  let server: ServerProcess;
  let anna: TestPerson;
  let ben: TestPerson;
  beforeAll(async () => {
    disk = new SmallDisk(32 * 1024 * 1024);
    site = new Site();
    server = await site.startServer({ dataDir: disk.at('data') });
    const acme = await server.tenant('Acme');
    anna = await acme.person('Anna');
    ben = await acme.person('Ben');
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    disk[Symbol.dispose]();
  });

  /** What Ben has not read yet. */
  function readings(): Promise<string[]> {
    return ben.with(async (profile) => {
      await profile.flush(FLUSH);
      const messages = profile.inbox();
      profile.markPrinted(messages);
      return messages.map(({ text }) => text);
    });
  }

  /** The server looks at its disk, and others are told what it saw, a few times a second at most. */
  async function ready(status: 200 | 503): Promise<void> {
    const seen = async () => (await fetch(new URL('/readyz', server.opsUrl))).status;
    await expect.poll(seen).toBe(status);
  }

  /**
   * Fills the disk when the server has come to rest. A moment after a write it still believes what it saw then (100 ms), and a message that fits into the
   * room that its redo log has taken already is accepted; the log is removed when nothing was written for a while.
   */
  async function fill(): Promise<void> {
    const logs = () => readdirSync(disk.at('data'), { recursive: true, encoding: 'utf8' }).filter(isRedoLog);
    await expect.poll(logs, { timeout: 30_000 }).toEqual([]);
    disk.fill();
    await ready(503);
  }

  test('refuses a submit, which waits at its sender, delivers, and takes it when there is room again', async () => {
    const before = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'before']);
    expect(before.json).toMatchObject([{ state: 'accepted' }]);

    await fill();
    const during = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'during']);
    expect(during).toMatchObject({ code: 0, json: [{ state: 'queued' }] });
    expect(during.stderr).toContain('"disk_full"');
    const refused = await server.operator.call('tenantCreate', { name: 'More' }).catch((error) => error.code);
    expect(refused).toBe('disk_full');
    expect((await fetch(new URL('/livez', server.opsUrl))).status).toBe(200);

    expect(await readings()).toEqual(['before']);
    expect(await readings()).toEqual([]);

    disk.clear();
    await anna.with(async (profile) => {
      // The pause that the server asked for belongs to the connection before; a new one tries at once.
      expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
    });
    expect(await readings()).toEqual(['during']);
    await ready(200);
    expect(server.child.process.exitCode).toBeNull();
    expect(server.log).not.toContain('"level":"error"');
  });

  test('A1 a file that is too large for the disk takes nobody’s room: it waits, and messages go on', async () => {
    const free = disk.freeBytes;
    writeFileSync(site.at('too-large.bin'), Buffer.alloc(free, 7));
    const file = ['send', ...anna.asPerson, '--to', ben.mail, '--file', site.at('too-large.bin')];
    const waiting = await site.kuvert(file);
    expect(waiting).toMatchObject({ code: 0, json: [{ state: 'queued' }] });
    expect(waiting.stderr).toContain('The server has no room for it');
    expect(disk.freeBytes).toBeGreaterThan(free / 2);
    const text = ['send', ...ben.asPerson, '--to', anna.mail, '--text', 'all is well'];
    expect((await site.kuvert(text)).json).toMatchObject([{ state: 'accepted' }]);
    const messageId = String(waiting.json[0]?.messageId);
    expect(await site.kuvert(['delete', messageId, '--everywhere', ...anna.asPerson])).toMatchObject({
      code: 0,
    });
  });

  test('loses nothing when the server is killed on it', async () => {
    await anna.with(async (profile) => {
      await profile.send({ to: ben.mail, text: 'accepted' });
      expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
      await fill();
      await profile.send({ to: ben.mail, text: 'refused' });
      expect(await profile.flush(FLUSH)).toEqual({ waiting: 1 });
    });
    await server.stop('SIGKILL');
    disk.clear();
    server = await site.startServer(server.again);
    expect(await readings()).toEqual(['accepted']);
    await anna.with(async (profile) => expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 }));
    expect(await readings()).toEqual(['refused']);
  });

  test('A9 a file that does not fit on the disk of a profile gives its room back, and messages go on', async () => {
    using small = new SmallDisk(8 * 1024 * 1024);
    const profile = small.at('profile');
    cpSync(ben.profileDir, profile, { recursive: true });
    const moved = ['--profile', profile, '--secret-file', ben.secretFile];
    writeFileSync(site.at('large.bin'), Buffer.alloc(9 * 1024 * 1024, 7));
    await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--file', site.at('large.bin')]);
    for (let tries = 0; tries < 2; tries++) {
      const refused = await site.kuvert(['inbox', '--save-files', site.at('saved'), ...moved]);
      expect(refused).toMatchObject({ code: 1, errorCode: 'disk_full' });
    }
    expect(readdirSync(site.at('saved'))).toEqual([]);
    const told = await site.kuvert(['inbox', ...moved]);
    expect(told).toMatchObject({ code: 0, json: [{ file: { name: 'large.bin' } }] });
    const answer = await site.kuvert(['send', ...moved, '--to', anna.mail, '--text', 'No room here']);
    expect(answer.json).toMatchObject([{ state: 'accepted' }]);
  });
});
