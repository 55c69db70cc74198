import { ATTACHMENT_PATH, CHANNEL_PATH, KuvertError, SERVER_KEY_PATH } from '@kuvert/protocol';

/**
 * Where the device channel of a server is: `wss://` for https, `ws://` for http, which only a loopback host may use. The channel is
 * encrypted either way; TLS also hides from the way that it is this service.
 * @throws KuvertError `plain_http_refused`, `usage` for something that is no http address
 */
export function channelUrl(serverUrl: string): string {
  const { url, base } = read(serverUrl);
  return `${url.protocol === 'https:' ? 'wss' : 'ws'}://${url.host}${base}${CHANNEL_PATH}`;
}

/** Where a server tells its key to a device that is to be linked. @throws KuvertError as {@link channelUrl} */
export function serverKeyUrl(serverUrl: string): string {
  const { url, base } = read(serverUrl);
  return `${url.protocol}//${url.host}${base}${SERVER_KEY_PATH}`;
}

/** Where the bytes of attachments go to and come from. @throws KuvertError as {@link channelUrl} */
export function attachmentUrl(serverUrl: string): string {
  const { url, base } = read(serverUrl);
  return `${url.protocol}//${url.host}${base}${ATTACHMENT_PATH}`;
}

function read(serverUrl: string): { url: URL; base: string } {
  if (!URL.canParse(serverUrl)) throw new KuvertError('usage', { details: { field: 'server' } });
  const url = new URL(serverUrl);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new KuvertError('usage', { details: { field: 'server' } });
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) throw new KuvertError('plain_http_refused');
  return { url, base: url.pathname.replace(/\/+$/, '') };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
