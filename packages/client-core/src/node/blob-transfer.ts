/** Moves the bytes of attachments over HTTPS, one request for a piece of an upload or a whole download. */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import {
  CAPABILITY_SCHEME,
  fromWireError,
  KuvertError,
  UPLOAD_HASH_BYTES,
  UPLOAD_NEXT_HEADER,
  UPLOAD_OFFSET_HEADER,
  UPLOAD_TYPE,
  WireError,
} from '@kuvert/protocol';
import type { BlobTransfer } from '../attachments/ports.ts';
import { attachmentUrl } from './server-url.ts';

/** A server that says or takes nothing for so long is gone. */
const IDLE_MS = 30_000;
const ERROR_BYTES_MAX = 16_384;

/** @throws KuvertError `plain_http_refused`, `usage` as the channel does */
export function createBlobTransfer(serverUrl: string): BlobTransfer {
  const url = new URL(attachmentUrl(serverUrl));
  const isTls = url.protocol === 'https:';
  const agent = isTls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });

  function begin(options: RequestOptions): ClientRequest {
    const request = (isTls ? httpsRequest : httpRequest)(url, { ...options, agent, timeout: IDLE_MS });
    request.on('timeout', () => request.destroy(new Error('the server stands still')));
    return request;
  }
  const headersFor = (capability: string) => ({ authorization: `${CAPABILITY_SCHEME} ${capability}` });

  return {
    async send({ capability, offset, count, bytes, onSent }) {
      const headers = {
        ...headersFor(capability),
        [UPLOAD_OFFSET_HEADER]: String(offset),
        'content-type': UPLOAD_TYPE,
        'content-length': String(count),
      };
      const response = await deliver(begin({ method: 'PATCH', headers }), bytes, onSent);
      const reached = Number(response.headers[UPLOAD_OFFSET_HEADER]);
      if (!Number.isSafeInteger(reached)) throw new KuvertError('server_unreachable');
      return reached;
    },

    async store({ capability, next, count, bytes, sha256, onSent }) {
      const headers = {
        ...headersFor(capability),
        [UPLOAD_NEXT_HEADER]: next,
        'content-type': UPLOAD_TYPE,
        'content-length': String(count + UPLOAD_HASH_BYTES),
      };
      const request = begin({ method: 'POST', headers });
      // The server looks up what it needs to know while the first bytes are sealed.
      request.flushHeaders();
      const response = await deliver(request, withHash(bytes, sha256), onSent);
      const given = response.headers[UPLOAD_NEXT_HEADER];
      return typeof given === 'string' ? given : undefined;
    },

    async fetch({ capability, from }) {
      const request = begin({ headers: { ...headersFor(capability), range: `bytes=${from}-` } });
      const answered = answerTo(request);
      request.end();
      const response = await answered;
      if (response.statusCode !== 206) throw await problemIn(response);
      return connected(response);
    },

    close: () => agent.destroy(),
  };
}

/** Sends a body. @returns the answer to it @throws KuvertError what the server answered, or `server_unreachable` */
async function deliver(
  request: ClientRequest,
  bytes: AsyncIterable<Uint8Array>,
  onSent: (() => void) | undefined,
): Promise<IncomingMessage> {
  const answered = answerTo(request);
  // The answer of a server that does not want all of it comes before the end.
  await sendAll(request, bytes, answered, onSent).catch(() => undefined);
  const response = await answered;
  try {
    if (response.statusCode !== 204) throw await problemIn(response);
  } finally {
    if (!request.writableEnded) request.destroy();
  }
  return response.resume();
}

async function* withHash(
  bytes: AsyncIterable<Uint8Array>,
  sha256: Promise<Uint8Array | undefined>,
): AsyncGenerator<Uint8Array> {
  yield* bytes;
  const hash = await sha256;
  if (hash === undefined) throw new Error('the file was given up');
  yield hash;
}

/** Sends until all is sent or an answer has come. Each part is used up before the next is asked for. */
async function sendAll(
  request: ClientRequest,
  bytes: AsyncIterable<Uint8Array>,
  answered: Promise<unknown>,
  onSent: (() => void) | undefined,
): Promise<void> {
  try {
    for await (const part of bytes) {
      const sent = new Promise<'sent'>((resolve, reject) => {
        request.write(part, (error) => (error ? reject(error) : resolve('sent')));
      });
      if ((await Promise.race([sent, answered])) !== 'sent') return;
    }
    request.end();
    onSent?.();
  } catch (error) {
    request.destroy();
    throw error;
  }
}

async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.once('close', () => reject(new Error('closed')));
  }).catch((cause: unknown) => {
    throw unreachable(cause);
  });
  answer.catch(() => undefined);
  return answer;
}

async function* connected(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* response as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw unreachable(cause);
  } finally {
    response.destroy();
  }
}

/** The server's refusal; whatever else stands in the way counts as unreachable. */
async function problemIn(response: IncomingMessage): Promise<KuvertError> {
  let text = '';
  try {
    for await (const bytes of response.setEncoding('utf8')) {
      text += bytes;
      if (text.length > ERROR_BYTES_MAX) break;
    }
    const problem = WireError.safeParse(JSON.parse(text));
    if (problem.success) return fromWireError(problem.data);
  } catch {
    // What is no answer of ours, such as that of a proxy in between.
  }
  return unreachable(undefined);
}

function unreachable(cause: unknown): KuvertError {
  return new KuvertError('server_unreachable', { cause });
}
