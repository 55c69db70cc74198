import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { type CertificateFiles, canMakeCertificates, TestAuthority } from '@kuvert/testkit';
import { type MongoDouble, startMongoDouble } from '@kuvert/testkit/mongo-double';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../engine.ts';
import { openMongoEngine } from './engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'mongo-tls-'));

/** A real TLS server in front of the double, which speaks none itself. It wants to see a certificate of its own authority. */
describe.skipIf(!canMakeCertificates)('a database behind TLS', () => {
  let double: MongoDouble;
  let front: Server;
  let url: string;
  let ours: TestAuthority;
  let strangers: TestAuthority;
  let client: CertificateFiles;
  let impostor: CertificateFiles;
  const engines: Engine[] = [];
  beforeAll(async () => {
    ours = new TestAuthority(folder);
    strangers = new TestAuthority(folder, 'stranger');
    client = ours.client();
    impostor = strangers.client('impostor');
    double = await startMongoDouble();
    const behind = Number(new URL(double.url).port);
    const options = { ...ours.contents(ours.server()), requestCert: true, rejectUnauthorized: true };
    front = createServer(options, (socket) => {
      const inner = connect(behind, '127.0.0.1');
      socket.pipe(inner).pipe(socket);
      for (const side of [socket, inner])
        side.on('error', () => [socket, inner].map((each) => each.destroy()));
    });
    front.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    // The double's members have no TLS, so the driver must not be told of them.
    url = `mongodb://127.0.0.1:${(front.address() as AddressInfo).port}/tls?directConnection=true`;
  });
  afterAll(async () => {
    for (const engine of engines) await engine.close();
    front?.close();
    await double?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  /** @param forMs how long the driver looks for a server, which has to be long enough to see one */
  const open = async (authority?: TestAuthority, files?: CertificateFiles, forMs = 5_000) => {
    const engine = await openMongoEngine(
      {
        url: `${url}&serverSelectionTimeoutMS=${forMs}`,
        passwordFile: undefined,
        caFile: authority?.certificate,
        certFile: files?.cert,
        keyFile: files?.key,
      },
      { layouts: [], spaceKeys: async () => undefined },
    );
    engines.push(engine);
  };

  test('H2 is reached with our authority and our certificate', async () => {
    await open(ours, client, 60_000);
  });

  test('H2 is not reached by strangers, nor are strangers taken for it', async () => {
    const attempts = [open(strangers, client), open(ours), open(ours, impostor), open()];
    const results = await Promise.allSettled(attempts);
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'store_unavailable' } });
    }
    // Whoever set it up is told whose certificate it is about.
    for (const [index, setting] of ['KUVERT_STORE_CA:', 'KUVERT_STORE_CERT:', 'KUVERT_STORE_CERT:'].entries())
      expect(results[index]).toMatchObject({
        reason: { details: { about: expect.stringContaining(setting) } },
      });
  });
});
