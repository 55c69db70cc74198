import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Output } from './output.ts';
import { readSecretFile } from './secret-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuvert-secret-'));
});
afterEach(() => rm(folder, { recursive: true }));

function listening() {
  const stderr = new PassThrough();
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr };
  const output = new Output(streams, { json: false, language: 'en', colour: false });
  return { output, told: () => String(stderr.read() ?? '') };
}

async function quietly(path: string): Promise<Uint8Array> {
  const { output, told } = listening();
  const secret = await readSecretFile(path, output);
  expect(told()).toBe('');
  return secret;
}

async function secretFile(content: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(folder, 'secret');
  await writeFile(path, content, { mode });
  await chmod(path, mode);
  return path;
}

test.each([
  ['secret', 'secret'],
  ['secret\n', 'secret'],
  ['secret\n\n', 'secret\n'],
  [' se cret \r\n', ' se cret \r'],
  ['\n\n', '\n'],
])('E3 the secret in %j is %j: only one line end is taken off', async (content, secret) => {
  expect(Buffer.from(await quietly(await secretFile(content))).toString()).toBe(secret);
});

test('E3 a secret is bytes, not text', async () => {
  const bytes = Uint8Array.of(0xff, 0x00, 0x0d);
  expect(new Uint8Array(await quietly(await secretFile(bytes)))).toEqual(bytes);
});

test.each([0o640, 0o604, 0o660, 0o644, 0o610])(
  'E3 a secret file with mode %o is told as open',
  async (mode) => {
    const { output, told } = listening();
    expect(Buffer.from(await readSecretFile(await secretFile('secret', mode), output)).toString()).toBe(
      'secret',
    );
    expect(told()).toContain('chmod 600');
  },
);

test('E3 a missing, empty or huge secret file and a folder are refused', async () => {
  await expect(quietly(join(folder, 'none'))).rejects.toMatchObject({ code: 'secret_missing' });
  await expect(quietly(folder)).rejects.toMatchObject({ code: 'secret_missing' });
  for (const content of ['', '\n', 'x'.repeat(4_097)]) {
    await expect(quietly(await secretFile(content))).rejects.toMatchObject({ code: 'secret_missing' });
  }
});
