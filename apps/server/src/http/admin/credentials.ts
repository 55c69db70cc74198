/** Where a request of the administration API carries who it is from: a cookie in browsers, a bearer token in programs. */
import type { IncomingHttpHeaders } from 'node:http';
import { KuvertError } from '@kuvert/protocol';
import type { FastifyRequest } from 'fastify';

/** The cookie of a session. `__Host-`: of this host only, over TLS only, for all paths. */
const SESSION_COOKIE = '__Host-kuvert';
/** The header that gives a browser its session; without `Max-Age`, so that it goes with the browser. */
export function sessionCookie(token: string): string {
  return `${SESSION_COOKIE}=${token}; Path=/; Secure; HttpOnly; SameSite=Strict`;
}
/** The cookie of a known device, which stays when the browser is closed. */
const DEVICE_COOKIE = '__Host-kuvert-device';
/** The header that makes a browser a known device. */
export function deviceCookie(token: string, keptMs: number): string {
  return `${DEVICE_COOKIE}=${token}; Path=/; Max-Age=${keptMs / 1_000}; Secure; HttpOnly; SameSite=Strict`;
}
/** A session's token, or the key of a program, which says that it is one. */
const TOKEN = /^(kvi_)?[A-Za-z0-9_-]{43}$/;

/** A token as it came, not checked. */
export interface Credential {
  readonly kind: 'cookie' | 'bearer';
  readonly token: string;
}

/** The token of a request; undefined without one, and for a request with two, which nobody sends who means well. */
export function credentialOf(headers: IncomingHttpHeaders): Credential | undefined {
  const bearer = /^Bearer ([^\s]+)$/i.exec(headers.authorization ?? '')?.[1];
  const cookies = cookiesOf(headers, SESSION_COOKIE);
  const [token, ...others] = bearer === undefined ? cookies : [bearer, ...cookies];
  if (token === undefined || others.length > 0 || !TOKEN.test(token)) return undefined;
  return { kind: bearer === undefined ? 'cookie' : 'bearer', token };
}

function cookiesOf(headers: IncomingHttpHeaders, name: string): string[] {
  return (headers.cookie ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`))
    .map((part) => part.slice(name.length + 1));
}

/** The token of a known device that came along; undefined without one, with two, and in requests that other pages have asked for. */
export function deviceCookieOf(
  request: FastifyRequest,
  publicOrigin: string | undefined,
): string | undefined {
  const [token, ...others] = cookiesOf(request.headers, DEVICE_COOKIE);
  return others.length > 0 || isForeign(request, publicOrigin) ? undefined : token;
}

/**
 * A browser sends cookies along whoever asked it to, so a request with one must come from our own pages: browsers say so in
 * `Sec-Fetch-Site`, and in `Origin` for everything that changes something.
 * @throws KuvertError `origin_refused`
 */
export function refuseForeignOrigin(request: FastifyRequest, publicOrigin: string | undefined): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  const isBlind = request.method !== 'GET' && site === undefined && origin === undefined;
  if (isBlind || isForeign(request, publicOrigin)) throw new KuvertError('origin_refused');
}

/** Whether the browser says that another page has asked for this. */
function isForeign(request: FastifyRequest, publicOrigin: string | undefined): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  const own = publicOrigin ?? `${request.protocol}://${request.host}`;
  return (
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (origin !== undefined && origin !== own)
  );
}
