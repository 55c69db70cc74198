import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { type MongoDouble, startMongoDouble } from '@kuvert/testkit/mongo-double';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../engine.ts';
import { openMongoEngine } from './engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'mongo-tls-'));
const at = (name: string) => join(folder, name);
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

function openssl(...args: string[]): void {
  const run = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
}

function certificate(name: string, signedBy: string, extension: string): void {
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    `/CN=${name}`,
  );
  writeFileSync(at(`${name}.ext`), extension);
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${signedBy}.pem`,
    '-CAkey',
    `${signedBy}.key`,
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    `${name}.ext`,
    '-out',
    `${name}.pem`,
  );
}

/** A real TLS server in front of the double, which speaks none itself. It wants to see a certificate of its own authority. */
describe.skipIf(!hasOpenssl)('a database behind TLS', () => {
  let double: MongoDouble;
  let front: Server;
  let url: string;
  const engines: Engine[] = [];
  beforeAll(async () => {
    for (const name of ['ca', 'stranger']) {
      openssl(
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.pem`,
        '-subj',
        `/CN=${name}`,
        '-days',
        '2',
      );
    }
    certificate('server', 'ca', 'subjectAltName=IP:127.0.0.1\n');
    certificate('client', 'ca', 'extendedKeyUsage=clientAuth\n');
    certificate('impostor', 'stranger', 'extendedKeyUsage=clientAuth\n');
    double = await startMongoDouble();
    const behind = Number(new URL(double.url).port);
    const options = {
      cert: readFileSync(at('server.pem')),
      key: readFileSync(at('server.key')),
      ca: readFileSync(at('ca.pem')),
      requestCert: true,
      rejectUnauthorized: true,
    };
    front = createServer(options, (socket) => {
      const inner = connect(behind, '127.0.0.1');
      socket.pipe(inner).pipe(socket);
      for (const side of [socket, inner])
        side.on('error', () => [socket, inner].map((each) => each.destroy()));
    });
    front.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    // The double's members have no TLS, so the driver must not be told of them.
    url = `mongodb://127.0.0.1:${(front.address() as AddressInfo).port}/tls?directConnection=true&serverSelectionTimeoutMS=1500`;
  });
  afterAll(async () => {
    for (const engine of engines) await engine.close();
    front?.close();
    await double?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const open = async (files: { ca?: string; cert?: string; key?: string }) => {
    const path = (name: string | undefined) => (name === undefined ? undefined : at(name));
    const engine = await openMongoEngine(
      {
        url,
        passwordFile: undefined,
        caFile: path(files.ca),
        certFile: path(files.cert),
        keyFile: path(files.key),
      },
      { layouts: [], spaceKeys: async () => undefined },
    );
    engines.push(engine);
  };

  test('H2 is reached with our authority and our certificate', async () => {
    await open({ ca: 'ca.pem', cert: 'client.pem', key: 'client.key' });
  });

  test('H2 is not reached by strangers, nor are strangers taken for it', async () => {
    const attempts = [
      { ca: 'stranger.pem', cert: 'client.pem', key: 'client.key' },
      { ca: 'ca.pem' },
      { ca: 'ca.pem', cert: 'impostor.pem', key: 'impostor.key' },
      {},
    ];
    const results = await Promise.allSettled(attempts.map(open));
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'store_unavailable' } });
    }
  });
});
