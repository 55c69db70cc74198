/** The file with the passphrase of a profile. */
import { type FileHandle, open } from 'node:fs/promises';
import { KuvertError } from '@kuvert/protocol';
import type { Output } from './output.ts';

const SECRET_BYTES_MAX = 4_096;
const GROUP_AND_OTHERS = 0o077;

/**
 * The secret: the file's bytes without one line end at its end. A file that group or others can read is used, because a
 * profile must open where permissions mean little (mounted secrets, containers), but it is told every time. The open file is looked
 * at, not the path, so that nobody can put another one in its place in between.
 * @throws KuvertError `secret_missing` when it is missing, empty or longer than 4 KiB
 */
export async function readSecretFile(path: string, output: Output): Promise<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const facts = await file.stat();
    if (facts.isDirectory()) throw new KuvertError('secret_missing');
    // A pipe (`--secret-file <(pass show kuvert)`) belongs to this user alone.
    const isPrivate = process.platform === 'win32' || facts.isFIFO() || (facts.mode & GROUP_AND_OTHERS) === 0;
    if (!isPrivate) await output.notice('secret_file_open', output.texts.secretFileOpen());
    const bytes = await readAtMost(file, SECRET_BYTES_MAX + 1);
    const secret = withoutLineEnd(bytes);
    if (secret.length === 0 || bytes.length > SECRET_BYTES_MAX) throw new KuvertError('secret_missing');
    return secret;
  } catch (cause) {
    if (cause instanceof KuvertError) throw cause;
    throw new KuvertError('secret_missing', { cause });
  } finally {
    await file?.close();
  }
}

async function readAtMost(file: FileHandle, sizeMax: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(sizeMax);
  let size = 0;
  while (size < sizeMax) {
    const { bytesRead } = await file.read(buffer, size, sizeMax - size, null);
    if (bytesRead === 0) break;
    size += bytesRead;
  }
  return buffer.subarray(0, size);
}

function withoutLineEnd(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
}
