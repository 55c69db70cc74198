/** What went wrong around the requests elsewhere: diagnostics, labels, compression, names of files, media types, outgoing calls. */

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LABELS, OPERATOR_HEADERS, operatorCalls, operatorRequestText } from '@kuvert/protocol';
import { PROJECT_ROOT, Site } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answersIn } from '../fuzz/refusals.ts';
import { RawSocket } from '../fuzz/web-socket.ts';
import { type OpenWorld, openWorld } from './open-world.ts';

let open: OpenWorld;

beforeAll(async () => {
  open = await openWorld();
});

afterAll(async () => {
  await open?.world[Symbol.asyncDispose]();
});

const DIAGNOSTICS = [
  ...[
    '/metrics',
    '/debug',
    '/debug/pprof/',
    '/heapdump',
    '/heap',
    '/dump',
    '/actuator',
    '/actuator/heapdump',
  ],
  ...['/actuator/env', '/status', '/server-status', '/health', '/livez', '/readyz', '/info', '/env', '/.env'],
  ...['/.git/config', '/config', '/admin', '/operator/v1/installation', '/json', '/json/list', '/profiler'],
  ...[
    '/trace',
    '/logs',
    '/core',
    '/server.json',
    '/data/server.json',
    '/swagger.json',
    '/openapi.json',
    '/docs',
  ],
];

test('finding 3 H8 the public listener has no diagnostic page and tells nothing of the server', async () => {
  for (const path of DIAGNOSTICS) {
    for (const method of ['GET', 'POST', 'HEAD', 'OPTIONS']) {
      const { status, headers } = await fetch(new URL(path, open.world.place.url), { method });
      expect(status, `${method} ${path}`).toBe(404);
      expect(headers.get('server')).toBeNull();
      expect(headers.get('x-powered-by')).toBeNull();
    }
  }
});

/** What stands in a file; nothing of one that the running server has just removed, as it does with its redo logs. */
function contentsOf(path: string): Buffer[] {
  try {
    return [readFileSync(path)];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

test('finding 3 B5 keys lie in the keys folder alone, for their owner alone: not in data, not in logs', async () => {
  const { installation } = open.world;
  const { dataFolder, keysFolder } = installation.server;
  const kek = JSON.parse(readFileSync(join(keysFolder, 'kek.json'), 'utf8')) as {
    versions: { key: string }[];
  };
  const keys = kek.versions.map(({ key }) => Buffer.from(key, 'hex'));
  keys.push(readFileSync(join(keysFolder, 'operator.key')));
  expect(keys.map((key) => key.length)).toEqual(keys.map(() => 32));
  const files = globSync('**/*', { cwd: dataFolder, withFileTypes: true }).filter((file) => file.isFile());
  expect(files.length).toBeGreaterThan(3);
  const texts = files.flatMap((file) => contentsOf(join(file.parentPath, file.name)));
  texts.push(Buffer.from(installation.log.join('')));
  for (const key of keys) {
    for (const form of [key, Buffer.from(key.toString('hex')), Buffer.from(key.toString('base64'))]) {
      expect(texts.some((text) => text.includes(form))).toBe(false);
    }
  }
});

test('finding 3 B5 a key file that others could read is closed to them at the next start', async () => {
  const { chmodSync, statSync } = await import('node:fs');
  const { installation } = open.world;
  const { keysFolder } = installation.server;
  const modes = () =>
    [keysFolder, join(keysFolder, 'kek.json'), join(keysFolder, 'operator.key')].map(
      (path) => statSync(path).mode & 0o777,
    );
  await installation.stop();
  chmodSync(keysFolder, 0o755);
  for (const name of ['kek.json', 'operator.key']) chmodSync(join(keysFolder, name), 0o644);
  await installation.start();
  expect(modes()).toEqual([0o700, 0o600, 0o600]);
  expect(installation.log.join('')).toContain('"event":"key-files-were-open","count":2');
});

test('finding 3 H9 core dumps of the server are off however it is started, and SIGUSR1 opens no debugger', async () => {
  await using site = new Site();
  // As a careless shell or service manager would start it.
  const server = await site.startServer({ through: ['sh', '-c', 'ulimit -c unlimited; exec "$@"', 'sh'] });
  process.kill(server.pid, 'SIGUSR1');
  expect((await fetch(`${server.opsUrl}/readyz`)).status).toBe(200);
  expect(server.log).not.toContain('Debugger');
  if (process.platform === 'linux') {
    expect(readFileSync(`/proc/${server.pid}/limits`, 'utf8')).toMatch(/^Max core file size\s+0\s+0\s/m);
    expect(readFileSync(`/proc/${server.pid}/coredump_filter`, 'utf8')).toMatch(/^0+$/m);
  }
  // What its store does with its own files says nothing of core files.
  const files = () =>
    readdirSync(site.folder.path, { recursive: true, encoding: 'utf8' }).filter(
      (name) => !name.startsWith('data/'),
    );
  const before = files();
  expect(await server.stop('SIGSEGV')).toEqual({ code: null, signal: 'SIGSEGV' });
  expect(files().filter((name) => !before.includes(name))).toEqual([]);
});

test('finding 4 B5 every label stands in the registry once, is no beginning of another, and is written nowhere else', () => {
  const labels = Object.values(LABELS);
  for (const one of labels) {
    expect(one).toMatch(/^kuvert\/[a-z-]+\/\d+$/);
    expect(labels.filter((other) => other.startsWith(one))).toEqual([one]);
  }
  const files = globSync('{apps,packages}/*/src/**/*.ts', { cwd: PROJECT_ROOT }).filter(
    (path) => !path.endsWith('.test.ts') && !path.endsWith('protocol/src/labels.ts'),
  );
  expect(files.length).toBeGreaterThan(100);
  const written = files.flatMap((path) =>
    readFileSync(join(PROJECT_ROOT, path), 'utf8')
      .split('\n')
      .filter((line) => /['"`]kuvert\/[a-z-]+\/\d/.test(line) && !/^\s*(\/?\*|\/\/)/.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
  expect(written).toEqual([]);
});

test('finding 5 B3 nothing is compressed: neither the channel, though a client offers it, nor an answer over HTTP', async () => {
  const socket = await RawSocket.open(open.world.place.url, {
    'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
  });
  expect(socket.httpText).not.toMatch(/sec-websocket-extensions/i);
  socket.send(new Uint8Array(20), { reserved: 4 });
  await socket.untilEnded();
  expect(socket.closeCode).toBe(1002);
  const page = await fetch(open.world.place.url, { headers: { 'accept-encoding': 'gzip, br, deflate' } });
  expect(page.headers.get('content-encoding')).toBeNull();
});

test('finding 21 H8 the server calls nobody but collectors of audit logs: no other code of it opens a connection', () => {
  const files = globSync('apps/server/src/**/*.ts', { cwd: PROJECT_ROOT }).filter(
    // The script of that page runs in a browser, where the page's policy lets it reach this server alone.
    (path) => !/\.test\.ts$|\/conformance\/|\/browser-page\.ts$/.test(path),
  );
  const calls =
    // Methods of our own may be called fetch; the global one stands behind a keyword or an operator.
    /(?:await|return|void|[=(,:>?]|\|\||&&)\s*fetch\(|globalThis\.fetch|\b(?:https?|http2|net|tls)\.(?:request|get|connect|createConnection)\(|from '(?:node:)?(?:dgram|dns|net|tls|http2|undici|axios)'|new (?:WebSocket|Socket)\(/;
  const harmless = /^import \{ (?:(?:BlockList|isIP|Socket)(?:, )?)+ \} from 'node:net';$/;
  const found = files.filter((path) =>
    readFileSync(join(PROJECT_ROOT, path), 'utf8')
      .split('\n')
      .some((line) => calls.test(line) && !line.startsWith('import type') && !harmless.test(line)),
  );
  // Who may be reached there is tried in apps/server/src/features/audit/streams.test.ts.
  expect(found).toEqual(['apps/server/src/features/audit/stream-connection.ts']);
});

test('finding 22 C1 names of tenants and people never become names of files', async () => {
  const { installation } = open.world;
  const names = [
    '../../planted',
    '..',
    '/planted',
    'planted/../planted',
    'CON',
    'planted\\planted',
    '~planted',
  ];
  for (const name of names) {
    const { tenantId } = await installation.operator.call('tenantCreate', { name });
    await installation.operator.call('personAdd', { tenantId, name, mail: 'planted@acme.test' });
  }
  const { dataFolder } = installation.server;
  const files = globSync('**/*', { cwd: join(dataFolder, '..') });
  expect(files.filter((path) => path.includes('planted') || path.includes('CON'))).toEqual([]);
  for (const path of readdirSync(dataFolder, { recursive: true }) as string[]) {
    expect(path).toMatch(/^(?:[a-z-]+|tenants|[a-z-]+\/)*[A-Za-z0-9_.-]+$/);
  }
});

const MEDIA_TYPES = [
  ...[
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'application/json;',
    'application/json ;',
  ],
  ...[
    'application/jsonp',
    'application/json, text/plain',
    'text/json',
    'text/plain',
    ' application/json',
    '\tapplication/json',
  ],
  ...[
    'application/json\t; x',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'a/b',
    '',
  ],
  ...[
    'application/json;charset=utf-16',
    'application/vnd.api+json',
    '*/*',
    'application/json/../x',
    'application//json',
  ],
];

test('finding 27 H9 under no media type does an operator call take a body that its schema or signature does not', async () => {
  const { installation } = open.world;
  const { opsUrl, keysFolder } = installation.server;
  const { host } = new URL(opsUrl);
  const before = await installation.operator.call('installation', {});
  const key = readFileSync(join(keysFolder, 'operator.key'));
  for (const { path, params } of Object.values(operatorCalls)) {
    // Wrong for every call: a list where an object is asked for.
    const body = '[{"name":"Planted"}]';
    expect(params.safeParse(JSON.parse(body)).success).toBe(false);
    for (const type of MEDIA_TYPES) {
      for (const isSigned of [true, false]) {
        const timeMs = String(installation.clock.nowMs());
        const nonce = randomBytes(16).toString('hex');
        const bodySha256Hex = createHash('sha256').update(body).digest('hex');
        const mac = createHmac('sha256', isSigned ? key : randomBytes(32))
          .update(LABELS.operatorRequest)
          .update(operatorRequestText({ path, timeMs, nonce, bodySha256Hex }))
          .digest('hex');
        const socket = await RawSocket.plain(opsUrl);
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n${
            type === '' ? '' : `Content-Type: ${type}\r\n`
          }${OPERATOR_HEADERS.time}: ${timeMs}\r\n${OPERATOR_HEADERS.nonce}: ${nonce}\r\n${OPERATOR_HEADERS.mac}: ${mac}\r\n\r\n${body}`,
        );
        await socket.untilEnded();
        const [answer] = answersIn(socket.httpText);
        expect([400, 401], `${path} as ${type}`).toContain(answer?.status);
        expect(JSON.parse(answer?.body ?? '')).toHaveProperty('code');
      }
    }
  }
  expect(await installation.operator.call('installation', {})).toEqual(before);
});
