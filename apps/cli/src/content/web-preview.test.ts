import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CONTENT_LIMITS, utf8 } from '@kuvert/protocol';
import jpeg from 'jpeg-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isPrivate, previewOfPage, readPage, webAddress } from './web-preview.ts';

const picture = jpeg.encode({ width: 8, height: 4, data: Buffer.alloc(8 * 4 * 4, 200) }, 80).data;
const asked: string[] = [];
let server: Server;
let base: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    const url = request.url ?? '';
    asked.push(url);
    if (url === '/page') {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(`<title>Plain</title><meta property="og:title" content="Umzug &amp; mehr">
        <meta name=description content=' Kisten\n und Wagen '><meta property="og:image" content="/p.jpg">`);
    } else if (url === '/long') {
      response.setHeader('content-type', 'text/html');
      response.end(`<title>${'ä'.repeat(900)}</title>`);
    } else if (url === '/there') {
      response.writeHead(302, { location: '/page' }).end();
    } else if (url === '/round') {
      response.writeHead(302, { location: '/round' }).end();
    } else if (url === '/endless') {
      response.setHeader('content-type', 'text/html');
      const more = (error?: Error | null) => {
        if (!error && !response.destroyed)
          response.write('<p>x</p>'.repeat(10_000), (failed) => setImmediate(more, failed));
      };
      more();
    } else if (url === '/p.jpg') response.end(picture);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('A1 the sender looks at a page: title and description go into the message', async () => {
  const preview = await previewOfPage(`${base}/there`);
  expect(preview).toMatchObject({
    url: `${base}/there`,
    title: 'Umzug & mehr',
    description: 'Kisten und Wagen',
  });
});

test('A1 a site makes this machine ask none of its neighbours, neither for a picture nor by leading on', async () => {
  asked.length = 0;
  const { preview } = await previewOfPage(`${base}/page`);
  expect(preview).toBeUndefined();
  expect(asked).toEqual(['/page']);
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    'fe80::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:7f00:1::',
    'nonsense',
  ]) {
    expect({ address, isPrivate: isPrivate(address) }).toEqual({ address, isPrivate: true });
  }
  expect(isPrivate('93.184.215.14')).toBe(false);
  expect(isPrivate('2606:2800:21f:cb07:6820:80da:af6b:8b2c')).toBe(false);
});

test('A1 what is said of a page has a limit, and what leads nowhere or has no end is sent as the address alone', async () => {
  const { title } = await previewOfPage(`${base}/long`);
  expect(utf8(title).length).toBeLessThanOrEqual(CONTENT_LIMITS.titleBytes);
  expect(title.endsWith('ä…')).toBe(true);
  for (const path of ['/round', '/missing', '/endless', '/p.jpg']) {
    expect(await previewOfPage(base + path)).toEqual({ url: base + path, title: '' });
  }
  expect(readPage('<title>a\u0000b\n</title><title>c</title>').title).toBe('a b');
});

test('A1 only addresses of the web are links, and none with a password', () => {
  expect(webAddress('https://acme.test')).toBe('https://acme.test/');
  for (const bad of [
    'javascript:alert(1)',
    'file:///etc/passwd',
    'acme.test',
    'https://a:b@acme.test',
    `https://acme.test/${'x'.repeat(3_000)}`,
  ]) {
    expect(() => webAddress(bad)).toThrow('content_invalid');
  }
});
