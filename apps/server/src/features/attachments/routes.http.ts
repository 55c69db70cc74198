/**
 * The bytes of attachments over HTTP (design.md §6), for whoever holds a capability. Pieces are taken and given as they come and never held in
 * memory; a peer that stands still loses its connection, and goes on where it was with the next.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import {
  ATTACHMENT_LIMITS,
  ATTACHMENT_PATH,
  CAPABILITY_SCHEME,
  isId,
  KuvertError,
  type PersonId,
  UPLOAD_HASH_BYTES,
  UPLOAD_NEXT_HEADER,
  UPLOAD_OFFSET_HEADER,
  UPLOAD_TYPE,
} from '@kuvert/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { bodyPieces } from './body-pieces.ts';
import type { Capabilities, Capability } from './capability.ts';
import { TRANSFER_IDLE_MS } from './limits.ts';
import type { AttachmentService } from './service.ts';
import type { Transfers } from './transfers.ts';

const AUTHORIZATION = new RegExp(`^${CAPABILITY_SCHEME} ([A-Za-z0-9_-]{1,256})$`, 'i');
const RANGE = /^bytes=(\d{1,12})-$/;

/** What the routes need. */
export interface AttachmentHttp {
  readonly attachments: AttachmentService;
  readonly transfers: Transfers;
  readonly capabilities: Capabilities;
  /** Whose device it is, while it may do anything at all. */
  readonly personOf: (capability: Capability) => Promise<PersonId | undefined>;
}

/** Adds the routes to the public listener. */
export function addAttachmentRoutes(app: FastifyInstance, deps: AttachmentHttp): void {
  const { attachments, transfers } = deps;
  // The body stays a stream; what it may hold is counted while it comes.
  app.addContentTypeParser(UPLOAD_TYPE, (_request, payload, done) => done(null, payload));

  app.head(ATTACHMENT_PATH, async (request, reply) => {
    const { capability } = await holderOf(request, 'up', deps);
    const { offset, sizeBytes } = await attachments.progress(capability);
    return reply
      .headers({ ...NOT_STORED, [UPLOAD_OFFSET_HEADER]: offset, 'upload-length': sizeBytes })
      .code(204)
      .send();
  });

  const wholeBytesMax = ATTACHMENT_LIMITS.wholeBytesMax + UPLOAD_HASH_BYTES;
  app.post(ATTACHMENT_PATH, { bodyLimit: wholeBytesMax }, async (request, reply) => {
    const capability = await capabilityOf(request, 'new', deps);
    const next = request.headers[UPLOAD_NEXT_HEADER];
    const length = lengthOf(request, wholeBytesMax);
    if (length <= UPLOAD_HASH_BYTES) throw new KuvertError('bad_request');
    const sizeBytes = length - UPLOAD_HASH_BYTES;
    await transfers.run(capability, cutOff(request.raw), async () => {
      const body = bodyPieces(request.raw, length);
      endWhenIdle(request.raw);
      try {
        await attachments.store(capability, { sizeBytes, body, owner: deps.personOf(capability) });
      } finally {
        await body.end();
      }
    });
    if (typeof next === 'string' && isId('attachment', next)) {
      reply.header(UPLOAD_NEXT_HEADER, await deps.capabilities.make({ ...capability, attachment: next }));
    }
    return reply
      .headers({ ...NOT_STORED, [UPLOAD_OFFSET_HEADER]: sizeBytes })
      .code(204)
      .send();
  });

  app.patch(ATTACHMENT_PATH, { bodyLimit: ATTACHMENT_LIMITS.pieceBytesMax }, async (request, reply) => {
    const capability = await capabilityOf(request, 'up', deps);
    const from = offsetOf(request.headers[UPLOAD_OFFSET_HEADER]);
    const length = lengthOf(request, ATTACHMENT_LIMITS.pieceBytesMax);
    const offset = await transfers.run(capability, cutOff(request.raw), async () => {
      // What comes is taken while it is found out whether the device may still bring it.
      const body = bodyPieces(request.raw, length);
      endWhenIdle(request.raw);
      const isAllowed = deps.personOf(capability).then((person) => person !== undefined);
      try {
        return await attachments.append(capability, from, body, isAllowed);
      } finally {
        await body.end();
      }
    });
    return reply
      .headers({ ...NOT_STORED, [UPLOAD_OFFSET_HEADER]: offset })
      .code(204)
      .send();
  });

  app.get(ATTACHMENT_PATH, { exposeHeadRoute: false }, async (request, reply) => {
    const { capability, person } = await holderOf(request, 'down', deps);
    const { range } = request.headers;
    const from = range === undefined ? 0 : Number(RANGE.exec(range)?.[1] ?? Number.NaN);
    if (Number.isNaN(from)) throw new KuvertError('bad_request');
    const end = transfers.begin(capability, cutOff(request.raw));
    try {
      const { bytes, sizeBytes, sha256 } = await attachments.read(capability, person, from);
      endWhenIdle(request.raw);
      const stream = Readable.from(bytes, { objectMode: false, highWaterMark: 262_144 }).on('close', end);
      if (from >= sizeBytes && from > 0) {
        stream.destroy();
        throw new KuvertError('bad_request');
      }
      return reply
        .code(range === undefined ? 200 : 206)
        .headers({
          ...NOT_STORED,
          'content-type': 'application/octet-stream',
          'content-length': sizeBytes - from,
          'accept-ranges': 'bytes',
          // Of the whole file, as RFC 9530 has it: what the server's log says it is.
          'repr-digest': `sha-256=:${Buffer.from(sha256).toString('base64')}:`,
          ...(range !== undefined && { 'content-range': `bytes ${from}-${sizeBytes - 1}/${sizeBytes}` }),
        })
        .send(stream);
    } catch (error) {
      end();
      throw error;
    }
  });
}

const NOT_STORED = { 'cache-control': 'no-store' } as const;

/** @throws KuvertError `capability_invalid`, for a device that was revoked too */
async function holderOf(
  request: FastifyRequest,
  direction: Capability['direction'],
  deps: AttachmentHttp,
): Promise<{ capability: Capability; person: PersonId }> {
  const capability = await capabilityOf(request, direction, deps);
  const person = await deps.personOf(capability);
  if (person === undefined) throw new KuvertError('capability_invalid');
  return { capability, person };
}

/** One that was given out here; whether its device may still use it is another question. @throws KuvertError `capability_invalid` */
async function capabilityOf(
  request: FastifyRequest,
  direction: Capability['direction'],
  { capabilities }: AttachmentHttp,
): Promise<Capability> {
  const text = AUTHORIZATION.exec(request.headers.authorization ?? '')?.[1];
  if (text === undefined) throw new KuvertError('capability_invalid');
  const capability = await capabilities.read(text);
  if (capability.direction !== direction) throw new KuvertError('capability_invalid');
  return capability;
}

/** How much comes. @throws KuvertError `bad_request`, `too_large` */
function lengthOf(request: FastifyRequest, bytesMax: number): number {
  const length = Number(request.headers['content-length']);
  if (!(request.body instanceof Readable) || !(length > 0)) throw new KuvertError('bad_request');
  if (length > bytesMax) throw new KuvertError('too_large');
  return length;
}

function offsetOf(header: string | string[] | undefined): number {
  if (typeof header !== 'string' || !/^\d{1,12}$/.test(header)) throw new KuvertError('bad_request');
  return Number(header);
}

/** Ends a request in the middle, whatever it is about. */
function cutOff({ socket }: IncomingMessage): () => void {
  return () => socket.destroy();
}

/** Whoever takes or brings nothing for a while gives its place to others. */
function endWhenIdle({ socket }: IncomingMessage): void {
  const end = () => socket.destroy();
  socket.setTimeout(TRANSFER_IDLE_MS, end);
}
