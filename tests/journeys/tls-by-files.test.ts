/** A server that ends TLS itself, with a certificate and its key in files (H10 H8). */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect, type DetailedPeerCertificate, type SecureVersion, type TLSSocket } from 'node:tls';
import { canMakeCertificates, type ServerProcess, Site, TestAuthority } from '@kuvert/testkit';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let server: ServerProcess;
let authority: TestAuthority;
let ca: Buffer;

beforeAll(async () => {
  if (!canMakeCertificates) return;
  site = new Site();
  authority = new TestAuthority(site.at('.'));
  ca = readFileSync(authority.certificate);
  server = await site.startServer({ env: environmentOf('server') });
});
afterAll(() => site?.[Symbol.asyncDispose]());

/** Settings with a new certificate, followed by the one that has signed it. */
function environmentOf(name: string): Record<string, string> {
  const { cert, key } = authority.server(name);
  writeFileSync(cert, `${readFileSync(cert, 'utf8')}${ca}`);
  chmodSync(key, 0o600);
  return { KUVERT_TLS_CERT: cert, KUVERT_TLS_KEY: key };
}

/** A connection of these versions of TLS; old ones are what this side would take. */
function shakeHands(versions: { min: SecureVersion; max: SecureVersion }): Promise<TLSSocket> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: hostname,
      port: Number(port),
      servername: 'localhost',
      ca,
      minVersion: versions.min,
      maxVersion: versions.max,
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const json = body === undefined ? undefined : JSON.stringify(body);
  const type: Record<string, string> = json === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise<{ status: number; headers: Record<string, unknown>; json: Record<string, unknown> }>(
    (resolve, reject) => {
      const url = new URL(`/api/v1${path}`, server.url);
      const sent = request(
        url,
        { method, ca, servername: 'localhost', headers: { ...type, ...headers } },
        async (answer) => {
          const whole = await text(answer);
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            json: whole === '' ? {} : JSON.parse(whole),
          });
        },
      );
      sent.on('error', reject);
      sent.end(json);
    },
  );
}

test.runIf(canMakeCertificates)(
  'H10 TLS 1.2 and 1.3 are spoken with the whole chain of the file, and nothing older',
  async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await shakeHands({ min: version, max: version });
      expect(socket.getProtocol()).toBe(version);
      const { issuerCertificate } = socket.getPeerCertificate(true) as DetailedPeerCertificate;
      expect(issuerCertificate.subject.CN).toBe('ca');
      socket.destroy();
    }
    for (const version of ['TLSv1', 'TLSv1.1'] as const)
      await expect(shakeHands({ min: version, max: version })).rejects.toThrow(/protocol version|alert/i);
  },
);

test.runIf(canMakeCertificates)(
  'H8 H10 the administration API works there with a cookie, says that nothing but TLS is to be used, and answers nothing in clear',
  async () => {
    expect(server.url).toMatch(/^https:/);
    const code = server.setUpCode;
    const choice = {
      code,
      name: 'Olga',
      mail: 'olga@acme.test',
      password: 'korrekt Pferd Batterie Heftklammer',
    };
    const opened = await ask('POST', '/invitations/open', choice);
    expect(opened.headers['strict-transport-security']).toBe('max-age=31536000');
    const totp = generateSync({ secret: opened.json.totpSecret as string });
    const accepted = await ask('POST', '/invitations/accept', { code, totp, cookie: true });
    const [set = '', device = ''] = [accepted.headers['set-cookie'] ?? []].flat() as string[];
    expect(device).toMatch(
      /^__Host-kuvert-device=[^;]+; Path=\/; Max-Age=\d+; Secure; HttpOnly; SameSite=Strict$/,
    );
    expect(set).toMatch(/^__Host-kuvert=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Strict$/);
    const cookie = set.split(';')[0] ?? '';
    const own = { cookie, origin: server.url, 'sec-fetch-site': 'same-origin' };
    expect((await ask('GET', '/me', undefined, own)).json.mail).toBe('olga@acme.test');
    const inClear = { ...own, origin: server.url.replace('https:', 'http:') };
    expect((await ask('GET', '/me', undefined, inClear)).json.code).toBe('origin_refused');
    await expect(fetch(`${server.url.replace('https:', 'http:')}/api/v1/installation`)).rejects.toThrow();
  },
);

test.runIf(canMakeCertificates)(
  'H10 a renewed certificate is used from the next start on, and a key that everybody can read is refused',
  async () => {
    const serial = async () => {
      const socket = await shakeHands({ min: 'TLSv1.2', max: 'TLSv1.3' });
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const before = await serial();
    await server.stop();
    const env = environmentOf('server');
    server = await site.startServer({ ...server.again, env });
    expect(await serial()).not.toBe(before);
    await server.stop();
    chmodSync(env.KUVERT_TLS_KEY ?? '', 0o644);
    const { code, stderr } = await site.refusedServer({ env });
    expect(code).not.toBe(0);
    expect(stderr).toContain('Other users of this machine can read this key file');
  },
);
