import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from '@signalapp/sqlcipher';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FORMAT_VERSION } from './space-tables.ts';
import { codeOf, key, newFolder, openEngine, put } from './testing.ts';

let folder: string;
let remove: () => void;
beforeEach(() => {
  ({ folder, remove } = newFolder());
});
afterEach(() => remove());

function scriptFile(script: string): string {
  const file = join(folder, 'script.mjs');
  writeFileSync(file, script);
  return file;
}

async function written(): Promise<void> {
  const engine = await openEngine(folder);
  await engine.commit('control', [put(1)]);
  await engine.close();
}

test('B5 a wrong key is told as such, with nothing on standard error', async () => {
  await written();
  const script = `import { openEngine, key } from ${JSON.stringify(new URL('./testing.ts', import.meta.url).href)};
    const engine = await openEngine(${JSON.stringify(folder)}, { spaceKeys: async () => ({ key: new Uint8Array(32).fill(2), create: false }) });
    await engine.get('control', 0, key(1)).catch((error) => console.log(error.code));
    await engine.close();`;
  const run = spawnSync(process.execPath, [scriptFile(script)], { encoding: 'utf8' });
  expect([run.stdout, run.stderr, run.status]).toEqual(['keys_wrong\n', '', 0]);
});

test('H1 a file of a newer format is refused and left as it was', async () => {
  await written();
  const db = new Database(join(folder, 'control.db'));
  db.pragma(`key = "x'${'01'.repeat(32)}'"`);
  db.pragma(`user_version = ${FORMAT_VERSION + 1}`);
  db.close();
  const before = readFileSync(join(folder, 'control.db'));
  const engine = await openEngine(folder);
  expect(await codeOf(engine.get('control', 0, key(1)))).toBe('data_too_new');
  await engine.close();
  expect(readFileSync(join(folder, 'control.db')).equals(before)).toBe(true);
});

test('H1 a file that should be there and is not, or is damaged, is told as such and not replaced', async () => {
  await written();
  const file = join(folder, 'control.db');
  const bytes = readFileSync(file);
  rmSync(file);
  const spaceKeys = async () => ({ key: new Uint8Array(32).fill(1), create: false });
  let engine = await openEngine(folder, { spaceKeys });
  expect(await codeOf(engine.get('control', 0, key(1)))).toBe('data_damaged');
  expect(existsSync(file)).toBe(false);
  await engine.close();
  bytes.fill(0xee, 100, 4096);
  writeFileSync(file, bytes);
  engine = await openEngine(folder, { spaceKeys });
  expect(await codeOf(engine.get('control', 0, key(1)))).toBe('keys_wrong');
  await engine.close();
});

test('P7 no file is mapped into memory while the store is open, since a full disk would end the process', async () => {
  const engine = await openEngine(folder);
  await engine.commit('control', [put(1)]);
  expect(readdirSync(folder).filter((name) => name.startsWith('control.db'))).toEqual([
    'control.db',
    'control.db-wal',
  ]);
  await engine.close();
});

test('P7 a full queue refuses at once, and what it had accepted is committed', async () => {
  const engine = await openEngine(folder, { queueMax: 50 });
  await engine.get('control', 0, key(0));
  const results = await Promise.allSettled(
    Array.from({ length: 200 }, (_, n) => engine.commit('control', [put(n)])),
  );
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused).toHaveLength(150);
  for (const result of refused)
    expect((result as PromiseRejectedResult).reason).toMatchObject({ code: 'overloaded' });
  expect(await engine.get('control', 0, key(49))).toBeDefined();
  expect(await engine.get('control', 0, key(50))).toBeUndefined();
  await engine.close();
});

test('H1 closing commits what was accepted, refuses what comes later and may be done twice', async () => {
  const engine = await openEngine(folder);
  const accepted = Array.from({ length: 100 }, (_, n) => engine.commit(n % 2 ? 'control' : 'tn_x', [put(n)]));
  const closed = [engine.close(), engine.close()];
  expect(await codeOf(engine.commit('control', [put(1)]))).toBe('shutting_down');
  for (const outcome of await Promise.allSettled(accepted)) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'shutting_down' });
  }
  await Promise.all(closed);
  const again = await openEngine(folder);
  for (const [n, outcome] of (await Promise.allSettled(accepted)).entries()) {
    const row = await again.get(n % 2 ? 'control' : 'tn_x', 0, key(n));
    expect(row !== undefined).toBe(outcome.status === 'fulfilled');
  }
  await again.close();
});

test('C1 more tenants than open files take turns', async () => {
  const engine = await openEngine(folder, { openFilesMax: 3 });
  const spaces = Array.from({ length: 12 }, (_, n) => `tn_${n}`);
  for (let round = 0; round < 3; round++) {
    await Promise.all(spaces.map((space) => engine.commit(space, [put(round)])));
    for (const space of spaces) expect(await engine.get(space, 0, key(round))).toBeDefined();
  }
  await engine.close();
});

test('H1 a row made again after its file was closed and opened does not pass for the one that was read', async () => {
  const engine = await openEngine(folder, { openFilesMax: 1 });
  const [first, second] = ['tn_a', 'tn_b'];
  await engine.commit(first, [put(1)]);
  const read = await engine.get(first, 0, key(1));
  await engine.commit(second, [put(1)]);
  await engine.commit(first, [{ kind: 'delete', collection: 0, key: key(1) }, put(1)]);
  const check = { kind: 'check', collection: 0, key: key(1), version: read?.version ?? 0 } as const;
  expect(await engine.commit(first, [check, put(2)])).toMatchObject({ committed: false, reason: 'changed' });
  await engine.close();
});

test('H1 reads in one batch with writes see what was committed before it', async () => {
  const engine = await openEngine(folder);
  await engine.commit('control', [put(1, 1)]);
  const [, during] = await Promise.all([
    engine.commit('control', [put(1, 2)]),
    engine.get('control', 0, key(1)),
  ]);
  expect(during?.doc.length).toBe(1);
  expect((await engine.get('control', 0, key(1)))?.doc.length).toBe(2);
  await engine.close();
});

test('P1 when a commit cannot be made durable, nothing is acknowledged any more and whoever runs the store is told once', (context) => {
  const strace = spawnSync('strace', ['-V']);
  if (strace.error !== undefined) return context.skip('strace is not installed');
  const script = `import { openEngine, put } from ${JSON.stringify(new URL('./testing.ts', import.meta.url).href)};
    let failures = 0;
    const engine = await openEngine(${JSON.stringify(folder)}, { onFailure: () => failures++ });
    await engine.get('control', 0, new Uint8Array(1));
    const codes = [];
    for (let n = 0; n < 20; n++) await engine.commit('control', [put(n)]).then(() => codes.push('ok'), (error) => codes.push(error.code));
    await engine.close();
    console.log(JSON.stringify({ codes, failures }));`;
  const run = spawnSync(
    'strace',
    [
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-e',
      'inject=fsync,fdatasync:error=EIO:when=12+',
      process.execPath,
      scriptFile(script),
    ],
    { encoding: 'utf8' },
  );
  if (run.stdout === '' && /ptrace|not permitted/i.test(run.stderr))
    return context.skip('tracing is not allowed here');
  const { codes, failures } = JSON.parse(run.stdout) as { codes: string[]; failures: number };
  expect(failures).toBe(1);
  expect(codes.at(-1)).toBe('internal');
  expect(codes.slice(codes.indexOf('internal')).every((code) => code === 'internal')).toBe(true);
});

function mounted(path: string, size: string): boolean {
  mkdirSync(path);
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]).status === 0;
}

test('H1 on a full disk writes are refused, reads and deletes go on, and it recovers when there is space', async (context) => {
  const disk = join(folder, 'disk');
  if (process.getuid?.() !== 0 || !mounted(disk, '24m')) return context.skip('mounting is not allowed here');
  try {
    const engine = await openEngine(disk, { onFailure: (error) => expect.unreachable(String(error.cause)) });
    writeFileSync(join(disk, 'to-be-freed'), new Uint8Array(6 * 1024 * 1024));
    let n = 0;
    let code = '';
    while (code === '' && n < 10_000) {
      code = await engine.commit('control', [put(n, 8192)]).then(
        () => '',
        (error: unknown) => String((error as { code?: unknown }).code),
      );
      n++;
    }
    expect(code).toBe('disk_full');
    // The last of the space goes to somebody else.
    spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'else')}`, 'bs=64k']);
    expect(await codeOf(engine.commit('control', [put(n, 10)]))).toBe('disk_full');
    for (let row = 0; row < 200; row++) {
      expect(await engine.get('control', 0, key(row))).toBeDefined();
      expect(
        await engine.commit('control', [{ kind: 'delete', collection: 0, key: key(row) }]),
      ).toMatchObject({ committed: true });
      expect(await engine.get('control', 0, key(row))).toBeUndefined();
    }
    rmSync(join(disk, 'else'));
    rmSync(join(disk, 'to-be-freed'));
    expect(await engine.commit('control', [put(n, 10)])).toMatchObject({ committed: true });
    expect(existsSync(join(disk, 'reserve'))).toBe(true);
    await engine.close();
    const again = await openEngine(disk);
    expect(await again.get('control', 0, key(n))).toBeDefined();
    expect(await again.get('control', 0, key(0))).toBeUndefined();
    await again.close();
  } finally {
    spawnSync('umount', ['-l', disk]);
  }
});

test('P1 P7 on a disk that is full from one moment to the next what was confirmed is there, and deletes go on', async (context) => {
  const disk = join(folder, 'disk');
  if (process.getuid?.() !== 0 || !mounted(disk, '24m')) return context.skip('mounting is not allowed here');
  try {
    const engine = await openEngine(disk, { onFailure: (error) => expect.unreachable(String(error.cause)) });
    for (let n = 0; n < 25; n++) await engine.commit('control', [put(n, 8192)]);
    spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'else')}`, 'bs=4k']);
    expect(await codeOf(engine.commit('control', [put(100, 400_000)]))).toBe('disk_full');
    for (let row = 0; row < 25; row++) {
      expect(await engine.get('control', 0, key(row))).toBeDefined();
      expect(
        await engine.commit('control', [{ kind: 'delete', collection: 0, key: key(row) }]),
      ).toMatchObject({ committed: true });
    }
    expect(await engine.get('control', 0, key(3))).toBeUndefined();
    rmSync(join(disk, 'else'));
    expect(await engine.commit('control', [put(200, 10)])).toMatchObject({ committed: true });
    await engine.close();
    const again = await openEngine(disk);
    expect(await again.get('control', 0, key(200))).toBeDefined();
    expect(await again.get('control', 0, key(24))).toBeUndefined();
    await again.close();
  } finally {
    spawnSync('umount', ['-l', disk]);
  }
});

test('P2 what was handed over behind a list without room is refused with it, also where there is room again', async (context) => {
  const disk = join(folder, 'disk');
  if (process.getuid?.() !== 0 || !mounted(disk, '24m')) return context.skip('mounting is not allowed here');
  try {
    const engine = await openEngine(disk, { onFailure: (error) => expect.unreachable(String(error.cause)) });
    await engine.commit('control', [put(0), put(1)]);
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const told = (commit: Promise<unknown>) =>
      commit.then(
        () => 'committed',
        (error: unknown) => String((error as { code?: unknown }).code),
      );
    // The thread has this long to refuse the first one before there is room again; a busy machine may need more.
    for (let forMs = 50; ; forMs *= 2) {
      spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'else')}`, 'bs=4k']);
      const first = told(engine.commit('control', [put(2)]));
      await turn();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
      rmSync(join(disk, 'else'));
      const behind = told(engine.commit('control', [put(3)]));
      const shrinking = engine.commit('control', [{ kind: 'delete', collection: 0, key: key(0) }]);
      const reading = engine.get('control', 0, key(1));
      // Somebody waited for something else, and goes on while the refusals are just being heard.
      const meanwhile = first.then(() => told(engine.commit('control', [put(4)])));
      if ((await first) === 'committed' && forMs < 5_000) {
        await Promise.all([behind, shrinking, reading, meanwhile]);
        await engine.commit(
          'control',
          [2, 3, 4].map((n) => ({ kind: 'delete', collection: 0, key: key(n) }) as const),
        );
        continue;
      }
      expect(await Promise.all([first, behind, meanwhile])).toEqual(['disk_full', 'disk_full', 'disk_full']);
      expect(await shrinking).toMatchObject({ committed: true });
      expect(await reading).toBeDefined();
      await turn();
      expect(await engine.commit('control', [put(5)])).toMatchObject({ committed: true });
      const rows = [0, 1, 2, 3, 4, 5].map((n) => engine.get('control', 0, key(n)));
      const isThere = (await Promise.all(rows)).map((row) => row !== undefined);
      expect(isThere).toEqual([false, true, false, false, false, true]);
      break;
    }
    await engine.close();
  } finally {
    spawnSync('umount', ['-l', disk]);
  }
});
