/**
 * Sockets of load clients read into one buffer. Node would read each chunk into 64 KiB of new memory, which costs a load client more than what it
 * does with a message, and the load client shares the cores with the server that is measured.
 */
import { connect, type Socket } from 'node:net';

const SHARED = Buffer.alloc(65_536);

/** A connection to this machine. @param onBytes what was read, which the next read overwrites */
export function connectReading(port: number, onBytes: (bytes: Buffer) => void): Socket {
  const callback = (length: number): boolean => {
    onBytes(SHARED.subarray(0, length));
    return true;
  };
  return connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer: SHARED, callback } });
}
