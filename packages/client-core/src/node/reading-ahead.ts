/** Reads a file in large pieces, the next while the one before is used, into two buffers that take turns. */
import type { FileHandle } from 'node:fs/promises';
import { discardBytes } from '@kuvert/protocol';

const PIECE_BYTES = 1_048_576;

/**
 * The bytes of an open file from `from` to `to`, or to where it ends when that is earlier.
 * @returns pieces, each good until the next is asked for
 */
export async function* readAhead(
  file: FileHandle,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<Uint8Array> {
  const size = Math.max(1, Math.min(PIECE_BYTES, to - from));
  const read = async (buffer: Buffer, at: number) => {
    const { bytesRead } = await file.read(buffer, 0, Math.max(0, Math.min(size, to - at)), at);
    return buffer.subarray(0, bytesRead);
  };
  let at = from;
  let [used, coming] = [Buffer.allocUnsafeSlow(size), Buffer.alloc(0)];
  let next = read(used, at);
  try {
    for (;;) {
      const piece = await next;
      if (piece.length === 0) {
        // Whoever has asked for more is done with what it had.
        for (const buffer of [used, coming]) discardBytes(buffer);
        return;
      }
      at += piece.length;
      // Often nothing but a look for the end.
      if (coming.length === 0 && at < to) coming = Buffer.allocUnsafeSlow(Math.min(size, to - at));
      [used, coming] = [coming, used];
      next = at < to ? read(used, at) : Promise.resolve(Buffer.alloc(0));
      next.catch(() => undefined);
      yield piece;
    }
  } finally {
    // Nobody closes the file under a read.
    await next.catch(() => undefined);
  }
}
