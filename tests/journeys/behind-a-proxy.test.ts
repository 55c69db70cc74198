/** A server behind nginx, HAProxy and Caddy, which end TLS for it: the administration API, devices on their WebSocket, and whose address it is (H10 C7). */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { type ServerProcess, Site, TestAuthority } from '@kuvert/testkit';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

const PASSWORD = 'korrekt Pferd Batterie Heftklammer';

interface Proxy {
  readonly name: string;
  readonly program: string;
  /** Writes its configuration. @returns its arguments */
  configure(place: {
    folder: string;
    port: number;
    backend: number;
    certFile: string;
    keyFile: string;
  }): string[];
}

const PROXIES: readonly Proxy[] = [
  {
    name: 'nginx',
    program: 'nginx',
    configure({ folder, port, backend, certFile, keyFile }) {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      writeFileSync(
        `${folder}/nginx.conf`,
        `pid ${folder}/nginx.pid; error_log stderr; daemon off; master_process off; user root;
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${certFile};
    ssl_certificate_key ${keyFile};
    location / {
      proxy_pass http://127.0.0.1:${backend};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout 1h;
    }
  }
}
`,
      );
      return ['-p', folder, '-c', `${folder}/nginx.conf`];
    },
  },
  {
    name: 'HAProxy',
    program: 'haproxy',
    configure({ folder, port, backend, certFile, keyFile }) {
      writeFileSync(`${folder}/both.pem`, readFileSync(certFile, 'utf8') + readFileSync(keyFile, 'utf8'), {
        mode: 0o600,
      });
      writeFileSync(
        `${folder}/haproxy.cfg`,
        `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
frontend public
  bind 127.0.0.1:${port} ssl crt ${folder}/both.pem
  option forwardfor
  default_backend kuvert
backend kuvert
  server one 127.0.0.1:${backend}
`,
      );
      return ['-db', '-f', `${folder}/haproxy.cfg`];
    },
  },
  {
    name: 'Caddy',
    program: 'caddy',
    configure({ folder, port, backend, certFile, keyFile }) {
      writeFileSync(
        `${folder}/Caddyfile`,
        `{
  admin off
  auto_https off
  storage file_system ${folder}/caddy
}
https://localhost:${port} {
  bind 127.0.0.1
  tls ${certFile} ${keyFile}
  reverse_proxy 127.0.0.1:${backend}
}
`,
      );
      return ['run', '--adapter', 'caddyfile', '--config', `${folder}/Caddyfile`];
    },
  },
];

describe.each(PROXIES)('H10 behind $name', ({ program, configure }) => {
  const isThere = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  let site: Site;
  let server: ServerProcess;
  let publicUrl: string;
  let caFile: string;

  beforeAll(async () => {
    if (!isThere) return;
    site = new Site();
    const folder = site.at('proxy');
    mkdirSync(folder);
    const authority = new TestAuthority(folder);
    caFile = authority.certificate;
    const { cert: certFile, key: keyFile } = authority.server();
    const port = await site.reservePort();
    publicUrl = `https://localhost:${port}`;
    const backend = await site.reservePort();
    server = await site.startServer({
      port: backend,
      env: { KUVERT_PUBLIC_URL: publicUrl, KUVERT_TRUSTED_PROXIES: '127.0.0.1' },
    });
    const args = configure({ folder, port, backend, certFile, keyFile });
    site.children.start(program, args, {});
    await vi.waitFor(async () => expect((await ask('GET', '/installation')).status).toBe(200), 120_000);
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  /** A request through the proxy, from an address of this machine's own. */
  function ask(
    method: string,
    path: string,
    options: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; json: Record<string, unknown>; headers: Record<string, unknown> }> {
    const url = new URL(`/api/v1${path}`, publicUrl);
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    };
    return new Promise((resolve, reject) => {
      const sent = request(
        url,
        { method, headers, ca: readFileSync(caFile), localAddress: '127.0.0.2', family: 4 },
        async (response) => {
          const answer = await text(response);
          const json = answer === '' ? {} : JSON.parse(answer);
          resolve({ status: response.statusCode ?? 0, json, headers: response.headers });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  test.runIf(isThere)(
    'an administrator signs in, with a cookie for the address that people see, and from where is known',
    async () => {
      const code = server.setUpCode;
      const opened = await ask('POST', '/invitations/open', {
        body: { code, name: 'Olga', mail: 'olga@acme.test', password: PASSWORD },
      });
      const totp = generateSync({ secret: opened.json.totpSecret as string });
      // What the client itself writes about its address does not count.
      const headers = {
        'x-forwarded-for': '203.0.113.9',
        origin: publicUrl,
        'sec-fetch-site': 'same-origin',
      };
      const accepted = await ask('POST', '/invitations/accept', {
        body: { code, totp, cookie: true },
        headers,
      });
      const cookie = String(accepted.headers['set-cookie']).split(';')[0] ?? '';
      const { json } = await ask('GET', '/sessions', { headers: { cookie, ...headers } });
      expect((json.sessions as { address: string }[]).map(({ address }) => address)).toEqual(['127.0.0.2']);
      const elsewhere = { cookie, origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' };
      expect((await ask('GET', '/sessions', { headers: elsewhere })).json.code).toBe('origin_refused');
    },
  );

  test.runIf(isThere)('devices enrol and write to each other on the WebSocket', async () => {
    const env = { ...site.environment(), NODE_EXTRA_CA_CERTS: caFile };
    const { tenantId } = await server.operator.call('tenantCreate', { name: 'Acme' });
    for (const name of ['anna', 'ben']) {
      const { personId } = await server.operator.call('personAdd', {
        tenantId,
        name,
        mail: `${name}@acme.test`,
      });
      const { token } = await server.operator.call('tokenCreate', { personId });
      writeFileSync(site.at(`${name}.secret`), 'a secret of this test\n', { mode: 0o600 });
      const as = ['--profile', site.at(name), '--secret-file', site.at(`${name}.secret`)];
      const enrolled = await site.kuvert(['enrol', '--server', publicUrl, '--token', token, ...as], { env });
      expect(enrolled.stderr).toBe('');
    }
    const asOf = (name: string) => ['--profile', site.at(name), '--secret-file', site.at(`${name}.secret`)];
    const sent = await site.kuvert(
      ['send', '--to', 'ben@acme.test', '--text', 'Through it', ...asOf('anna')],
      { env },
    );
    expect(sent.json[0]).toMatchObject({ state: 'accepted' });
    const inbox = await site.kuvert(['inbox', ...asOf('ben')], { env });
    expect(inbox.json.map((message) => message.text)).toEqual(['Through it']);
  });
});
