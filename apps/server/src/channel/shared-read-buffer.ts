/**
 * Node reads each chunk of a socket into 64 KiB of new memory, of which it gives back what was not needed: for frames of a few hundred bytes
 * that was a fifth of the event loop's time (docs/benchmarks.md). Node can also read into a buffer of the user's, but offers that only
 * for sockets that connect (`onread` of `net.connect`), not for those that were accepted. The parts are there in both, so they are put
 * together here; a Node that has them no more reads as it always did, which is slower and nothing else.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** As much as Node asks for. Whatever was read is copied out of it before anything else can be read. */
const SHARED = new Uint8Array(65_536);

/** What is internal of a socket: its handle, and the two fields that `onread` fills. */
interface Internals {
  readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void } | null;
  [field: symbol]: unknown;
}

/** The symbol of a field that every socket has, if this Node still has it. */
function fieldOf(socket: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === description);
}

/** Lets an accepted socket read into the shared buffer. @returns false when this Node cannot */
export function readIntoSharedBuffer(socket: Duplex): boolean {
  if (!(socket instanceof Socket)) return false;
  const internals = socket as unknown as Internals;
  const [buffer, callback] = [fieldOf(socket, 'kBuffer'), fieldOf(socket, 'kBufferCb')];
  const handle = internals._handle;
  if (buffer === undefined || callback === undefined || typeof handle?.useUserBuffer !== 'function')
    return false;
  // From Node's own pool, so that most chunks are no allocation at all. The answer says whether to go on reading.
  internals[callback] = (length: number, bytes: Uint8Array): boolean =>
    socket.push(Buffer.from(bytes.subarray(0, length)));
  internals[buffer] = SHARED;
  handle.useUserBuffer(SHARED);
  return true;
}
