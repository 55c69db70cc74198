/**
 * Whether a key file is its owner's alone, looked at at each start: keys come back from backups, are copied by hand, and are made under
 * whatever umask somebody has.
 */
import { chmod, stat } from 'node:fs/promises';
import { StartError } from '../start-error.ts';

/** Bits by which a file is open to its group and to everybody. */
const OTHERS = 0o077;
const EVERYBODY = 0o007;

/**
 * Makes a key file of ours its owner's alone.
 * @returns true when others could read or change it until now
 * @throws StartError `keys_open` when that cannot be mended here, `keys_wrong` when it is no file
 */
export async function closeKeyFile(path: string): Promise<boolean> {
  const facts = await stat(path);
  if (!facts.isFile()) throw new StartError('keys_wrong', { about: path });
  if ((facts.mode & OTHERS) === 0) return false;
  try {
    await chmod(path, 0o600);
  } catch (cause) {
    throw new StartError('keys_open', { about: path, cause });
  }
  return true;
}

/**
 * Looks at a key file that belongs to somebody else's care, such as a TLS key: a group may share it, the whole machine may not.
 * @throws StartError `keys_open`
 */
export async function refuseOpenKeyFile(path: string): Promise<void> {
  const facts = await stat(path);
  if ((facts.mode & EVERYBODY) !== 0) throw new StartError('keys_open', { about: path });
}
