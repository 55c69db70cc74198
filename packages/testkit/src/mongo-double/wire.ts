/** MongoDB's wire protocol, as far as drivers speak it: OP_MSG, and OP_QUERY for the first greeting. Layout: MongoDB Wire Protocol manual. */
import { BSON, type Document } from 'bson';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;

const CHECKSUM_PRESENT = 1;
const MORE_TO_COME = 2;
const EXHAUST_ALLOWED = 1 << 16;

/** As `maxMessageSizeBytes` of the greeting. */
export const MESSAGE_BYTES_MAX = 48_000_000;
/** As `maxBsonObjectSize`. */
export const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024;

/** What a client asks. */
export interface Request {
  readonly id: number;
  readonly command: Document;
  /** Answered with OP_REPLY. */
  readonly legacy: boolean;
  /** The client takes several answers to one question. */
  readonly exhaustAllowed: boolean;
  /** The client wants no answer. */
  readonly silent: boolean;
}

/** Every number keeps its BSON type, so that what is stored is what was sent. */
const EXACT = { promoteValues: false, bsonRegExp: true, ignoreUndefined: false } as const;

/** Cuts the bytes of a connection into messages. */
export class MessageReader {
  #held: Buffer = Buffer.alloc(0);

  /** The messages that are complete with these bytes. @throws Error when it is not this protocol */
  *push(bytes: Buffer): Generator<Request> {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    while (this.#held.length >= 16) {
      const size = this.#held.readInt32LE(0);
      if (size < 16 || size > MESSAGE_BYTES_MAX) throw new Error(`a message of ${size} bytes`);
      if (this.#held.length < size) return;
      const message = this.#held.subarray(0, size);
      this.#held = this.#held.subarray(size);
      yield decode(message);
    }
  }
}

function decode(message: Buffer): Request {
  const id = message.readInt32LE(4);
  const code = message.readInt32LE(12);
  if (code === OP_MSG) return decodeMessage(message, id);
  if (code === OP_QUERY) {
    const name = message.indexOf(0, 20);
    const db = message.toString('utf8', 20, name).split('.')[0];
    const query = BSON.deserialize(message.subarray(name + 9), {
      ...EXACT,
      allowObjectSmallerThanBufferSize: true,
    });
    return { id, command: { ...query, $db: db }, legacy: true, exhaustAllowed: false, silent: false };
  }
  throw new Error(`operation ${code} is not spoken here`);
}

function decodeMessage(message: Buffer, id: number): Request {
  const flags = message.readUInt32LE(16);
  const end = message.length - (flags & CHECKSUM_PRESENT ? 4 : 0);
  let command: Document = {};
  const sequences: Document = {};
  let at = 20;
  while (at < end) {
    const kind = message[at];
    const size = message.readInt32LE(at + 1);
    const section = message.subarray(at + 1, at + 1 + size);
    if (kind === 0) command = BSON.deserialize(section, EXACT);
    else if (kind === 1) {
      const name = section.indexOf(0, 4);
      const docs: Document[] = [];
      for (let from = name + 1; from < size; ) {
        const length = section.readInt32LE(from);
        docs.push(BSON.deserialize(section.subarray(from, from + length), EXACT));
        from += length;
      }
      sequences[section.toString('utf8', 4, name)] = docs;
    } else throw new Error(`section of kind ${kind}`);
    at += 1 + size;
  }
  return {
    id,
    command: { ...command, ...sequences },
    legacy: false,
    exhaustAllowed: (flags & EXHAUST_ALLOWED) !== 0,
    silent: (flags & MORE_TO_COME) !== 0,
  };
}

/** The bytes of an answer. With `more` another one to the same question follows. */
export function encodeReply(request: Request, reply: Document, more = false): Buffer {
  const body = BSON.serialize(reply, { ignoreUndefined: true });
  const head = Buffer.alloc(request.legacy ? 36 : 21);
  head.writeInt32LE(head.length + body.length, 0);
  replies = (replies + 1) & 0x7fff_ffff;
  head.writeInt32LE(replies, 4);
  head.writeInt32LE(request.id, 8);
  head.writeInt32LE(request.legacy ? OP_REPLY : OP_MSG, 12);
  if (request.legacy) {
    head.writeInt32LE(8, 16);
    head.writeInt32LE(1, 32);
  } else head.writeUInt32LE(more ? MORE_TO_COME : 0, 16);
  return Buffer.concat([head, body]);
}

let replies = 0;
