/** The file that keeps an administrator's session between commands: readable by its user alone, or not used at all. */
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KuvertError } from '@kuvert/protocol';
import { z } from 'zod';

const Session = z.object({
  server: z.url({ protocol: /^https?$/ }),
  token: z.string().min(1).max(200),
  expiresAt: z.string().max(40),
});
/** Where somebody is signed in. */
export type AdminSession = z.infer<typeof Session>;

const OTHERS = 0o077;

/** @throws KuvertError `not_signed_in` without a usable file, `keys_open` for one that others can read */
export async function readSession(file: string): Promise<AdminSession> {
  try {
    return Session.parse(JSON.parse(await readOwnFile(file)));
  } catch (cause) {
    if (cause instanceof KuvertError) throw cause;
    throw new KuvertError('not_signed_in', { cause });
  }
}

/** Keeps it. */
export async function writeSession(file: string, session: AdminSession): Promise<void> {
  await writeOwnFile(file, `${JSON.stringify(session)}\n`);
}

/** The text of a file that belongs to its user alone. @throws KuvertError `keys_open` for one that others can read */
export async function readOwnFile(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { mode } = await handle.stat();
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) throw new KuvertError('keys_open');
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Written beside and moved into place, so that it is never half there, and readable by its user alone. */
export async function writeOwnFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const beside = `${file}.${process.pid}`;
  const handle = await open(beside, 'w', 0o600);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
  await chmod(beside, 0o600);
  await rename(beside, file);
}

/** Forgets it. */
export async function forgetSession(file: string): Promise<void> {
  await rm(file, { force: true });
}

/** The key of a program, from a file that belongs to its user alone. @throws KuvertError `secret_missing`, `keys_open` */
export async function readKeyFile(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(() => {
    throw new KuvertError('secret_missing');
  });
  try {
    const facts = await handle.stat();
    if (process.platform !== 'win32' && !facts.isFIFO() && (facts.mode & OTHERS) !== 0)
      throw new KuvertError('keys_open');
  } finally {
    await handle.close();
  }
  const key = (await readFile(file, 'utf8')).trim();
  if (key === '') throw new KuvertError('secret_missing');
  return key;
}
