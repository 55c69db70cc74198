/** The public listener: the device channel as a WebSocket upgrade, a page that says what this is, the server's key for devices to be linked, and nothing else. */
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { SERVER_KEY_PATH } from '@kuvert/protocol';
import fastify, { type FastifyInstance } from 'fastify';
import type { ServerConfig } from '../config.ts';
import { refuseOpenKeyFile } from '../keys/key-file-mode.ts';
import type { Log } from '../log.ts';
import { StartError } from '../start-error.ts';
import { limitBodyTime } from './body-time.ts';
import type { IsTrusted } from './client-address.ts';
import { NO_SCHEMAS } from './no-schemas.ts';
import { answerProblems, problemOptions } from './problem.ts';
import { noteRoutes } from './route-list.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { preferredLanguage, STATUS_PAGE_HEADERS, statusPage } from './status-page.ts';

const HTTP_OPTIONS = {
  maxHeaderSize: 8_192,
  headersTimeout: 10_000,
  // Of bodies each has its own (`body-time.ts`): those of uploads may be large, and lines slow.
  requestTimeout: 0,
  connectionsCheckingInterval: 5_000,
  // Looked at by ourselves, so that the refusal is one of ours.
  requireHostHeader: false,
};
/** Sockets of any kind. Above what the channel takes, so that its own limits answer first. */
const SOCKETS_MAX = 110_000;

/**
 * Makes the listener; the caller starts and closes it.
 * @throws StartError `config_invalid` when the TLS files cannot be used, `keys_open` when everybody can read the key
 */
export async function createPublicListener(parts: {
  readonly tls: ServerConfig['tls'];
  readonly log: Log;
  /** The server's Noise static as base64url. */
  readonly serverKey: () => string;
  readonly nowMs: () => number;
  /** Says of an address whether it is one of our proxies. */
  readonly isTrusted: IsTrusted;
}): Promise<FastifyInstance> {
  const makeServer = await serverMaker(parts.tls);
  const app = fastify({
    logger: false,
    bodyLimit: 1_024,
    trustProxy: (address: string) => parts.isTrusted(address),
    keepAliveTimeout: 5_000,
    forceCloseConnections: true,
    serverFactory: (handler) => makeServer(handler),
    ...problemOptions(parts.log),
    ...NO_SCHEMAS,
  });
  app.server.maxConnections = SOCKETS_MAX;
  noteRoutes(app);
  // First, so that it holds for refusals too.
  app.addHook('onRequest', async (request) => limitBodyTime(request.raw));
  answerProblems(app, parts.log);
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(SECURITY_HEADERS);
  });
  app.get('/', async (request, reply) => {
    const language = preferredLanguage(request.headers['accept-language']);
    return reply
      .headers(STATUS_PAGE_HEADERS)
      .header('content-language', language)
      .type('text/html; charset=utf-8')
      .send(statusPage(language));
  });
  // Public by nature: whoever connects must know it. What a device pins comes from its token, or from the device that links it.
  app.get(SERVER_KEY_PATH, async (_request, reply) =>
    reply.header('date', new Date(parts.nowMs()).toUTCString()).send({ key: parts.serverKey() }),
  );
  return app;
}

async function serverMaker(tls: ServerConfig['tls']): Promise<(handler: RequestListener) => Server> {
  if (tls === undefined) return (handler) => createServer(HTTP_OPTIONS, handler);
  const cert = await readTlsFile('KUVERT_TLS_CERT', tls.certFile);
  const key = await readTlsFile('KUVERT_TLS_KEY', tls.keyFile);
  await refuseOpenKeyFile(tls.keyFile);
  return (handler) => {
    try {
      return createTlsServer(
        { ...HTTP_OPTIONS, cert, key, minVersion: 'TLSv1.2' },
        handler,
      ) as unknown as Server;
    } catch (cause) {
      throw new StartError('config_invalid', {
        about: 'KUVERT_TLS_CERT and KUVERT_TLS_KEY are not a certificate and its key',
        cause,
      });
    }
  };
}

async function readTlsFile(name: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new StartError('config_invalid', { about: `${name}: ${file} cannot be read`, cause });
  }
}
