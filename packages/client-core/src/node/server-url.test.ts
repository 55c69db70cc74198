import { expect, test } from 'vitest';
import { channelUrl } from './server-url.ts';

test('B4 the channel goes over TLS, or in clear to this machine alone', () => {
  expect(channelUrl('https://chat.acme.test')).toBe('wss://chat.acme.test/v1/channel');
  expect(channelUrl('https://acme.test:444/kuvert/')).toBe('wss://acme.test:444/kuvert/v1/channel');
  for (const host of ['127.0.0.1:8420', 'localhost', '[::1]:1']) {
    expect(channelUrl(`http://${host}`)).toBe(`ws://${host}/v1/channel`);
  }
  for (const host of ['acme.test', '127.0.0.1.acme.test', '10.0.0.1', 'localhost.acme.test']) {
    expect(() => channelUrl(`http://${host}`)).toThrow('plain_http_refused');
  }
  for (const text of ['', 'acme.test', 'ftp://acme.test', 'file:///etc/passwd']) {
    expect(() => channelUrl(text)).toThrow('usage');
  }
});
