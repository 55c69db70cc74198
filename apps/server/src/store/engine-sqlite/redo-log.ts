/**
 * What was committed since a space's SQLCipher file was last written: its lists, appended batch by batch and fsynced before anybody is
 * told (docs/decisions/0014). The file itself keeps one transaction open meanwhile, so a page that many batches change is encrypted once.
 *
 *     length u32 ‖ AES-256-GCM(lists) ‖ tag, again and again from the start of the file
 *
 * Each turn of the log has a random salt, which lies in the SQLCipher file and is replaced by the commit that makes the turn's lists superfluous.
 * Key and nonces come from it, so what an earlier turn has left behind, or what was only half written, does not open and ends the log.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync, writevSync } from 'node:fs';
import { dirname } from 'node:path';
import { LABELS } from '@kuvert/protocol/labels';
import { syncFolder } from './sync-folder.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const ALGORITHM = 'aes-256-gcm';
const OPTIONS = { authTagLength: 16 } as const;
const LENGTH_BYTES = 4;
const TAG_BYTES = 16;
/** A file that grows has its size fsynced too, so it grows by this much. */
const GROWTH_BYTES = 256 * 1024;

/** Bytes of a turn's salt. */
export const SALT_BYTES = 32;

/** The log of one space. Nothing is written before the first {@link RedoLog.begin}. */
export class RedoLog {
  readonly #file: string;
  readonly #spaceKey: Bytes;
  #handle: number | undefined;
  #key: Bytes | undefined;
  #hasBegun = false;
  #counter = 0;
  #end = 0;
  #sizeBytes = 0;

  /** @param spaceKey the key of the space's SQLCipher file */
  constructor(file: string, spaceKey: Bytes) {
    this.#file = file;
    this.#spaceKey = spaceKey;
  }

  /** Bytes of this turn. */
  get bytes(): number {
    return this.#end;
  }

  /** True between {@link RedoLog.begin} and the next failure to write. */
  get isUsable(): boolean {
    return this.#key !== undefined;
  }

  /** What the turn of this salt holds, batch by batch, as far as it was written whole: of a turn of this process, what was appended to it. */
  read(salt: Bytes): Bytes[] {
    const all = readIfThere(this.#file);
    const bytes = this.#hasBegun ? all.subarray(0, this.#end) : all;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const key = keyOf(this.#spaceKey, salt);
    const batches: Bytes[] = [];
    for (let at = 0; at + LENGTH_BYTES + TAG_BYTES <= bytes.length; ) {
      const length = view.getUint32(at, true);
      const end = at + LENGTH_BYTES + length + TAG_BYTES;
      if (length === 0 || end > bytes.length) break;
      const batch = open(key, batches.length, bytes.subarray(at + LENGTH_BYTES, end));
      if (batch === undefined) break;
      batches.push(batch);
      at = end;
    }
    return batches;
  }

  /** Begins a turn. Its salt must be in the SQLCipher file already, durably. */
  begin(salt: Bytes): void {
    this.#key = keyOf(this.#spaceKey, salt);
    this.#hasBegun = true;
    this.#counter = 0;
    this.#end = 0;
  }

  /**
   * Adds a batch in pieces; durable when it returns.
   * @throws a system error; the log takes nothing more then until its next turn, because a nonce must not be used again
   */
  append(pieces: readonly Bytes[]): void {
    const key = this.#key;
    if (key === undefined) throw new Error('a log without a turn');
    this.#key = undefined;
    const cipher = createCipheriv(ALGORITHM, key, nonceOf(this.#counter), OPTIONS);
    const sealed: Bytes[] = pieces.map((piece) => cipher.update(piece));
    cipher.final();
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(pieces.reduce((sum, piece) => sum + piece.length, 0));
    const parts = [length, ...sealed, cipher.getAuthTag()];
    const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.#handle ??= this.#create();
    try {
      this.#grow(this.#handle, this.#end + sizeBytes);
      writeWhole(this.#handle, parts, this.#end);
      fdatasyncSync(this.#handle);
    } catch (error) {
      // What is refused must not be found after a crash. These bytes are there already, so they take no space.
      if (this.#sizeBytes > this.#end)
        writeSync(this.#handle, Buffer.alloc(LENGTH_BYTES), 0, LENGTH_BYTES, this.#end);
      throw error;
    }
    this.#end += sizeBytes;
    this.#counter++;
    this.#key = key;
  }

  #create(): number {
    const handle = openSync(this.#file, 'w+', 0o600);
    syncFolder(dirname(this.#file));
    return handle;
  }

  #grow(handle: number, neededBytes: number): void {
    if (neededBytes <= this.#sizeBytes) return;
    const grown = Math.ceil(neededBytes / GROWTH_BYTES) * GROWTH_BYTES;
    writeWhole(handle, [new Uint8Array(grown - this.#sizeBytes)], this.#sizeBytes);
    this.#sizeBytes = grown;
  }

  /** Removes the file. To be called when all of it is in the SQLCipher file. */
  remove(): void {
    this.#key = undefined;
    this.#end = 0;
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
    this.#sizeBytes = 0;
    rmSync(this.#file, { force: true });
  }
}

function keyOf(spaceKey: Bytes, salt: Bytes): Bytes {
  return new Uint8Array(hkdfSync('sha256', spaceKey, salt, LABELS.redoLog, 32));
}

function nonceOf(counter: number): Bytes {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(8, counter);
  return nonce;
}

function open(key: Bytes, counter: number, sealed: Bytes): Bytes | undefined {
  const decipher = createDecipheriv(ALGORITHM, key, nonceOf(counter), OPTIONS);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const opened = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return opened;
}

function readIfThere(file: string): Bytes {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0);
    throw error;
  }
}

/** The system may take a part only, as it does when the disk becomes full. */
function writeWhole(handle: number, parts: readonly Bytes[], at: number): void {
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
  let written = writevSync(handle, parts, at);
  if (written === sizeBytes) return;
  const whole = Buffer.concat(parts);
  while (written < sizeBytes) written += writeSync(handle, whole, written, sizeBytes - written, at + written);
}
