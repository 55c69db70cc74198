/**
 * What a web address leads to, looked at by the one who sends it and only when asked for: title, description and a small picture go into the
 * message, and nobody who reads it fetches anything. The site learns the address of this machine and of nobody else. What the site itself leads to (another page, a
 * picture) is followed only to addresses of the public network, so that no site makes this machine ask its neighbours.
 */
import { lookup as lookUp } from 'node:dns';
import { get as getPlain, type IncomingMessage } from 'node:http';
import { get as getTls } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { CONTENT_LIMITS, KuvertError, type LinkPreview, SPECIAL_IPV4_NETWORKS, utf8 } from '@kuvert/protocol';
import { Parser } from 'htmlparser2';
import { picturePreview } from '../previews.ts';

const TIME_LIMIT_MS = 10_000;
const PAGE_BYTES_MAX = 524_288;
const PICTURE_BYTES_MAX = 4 * 1_048_576;
const REDIRECTS_MAX = 5;

// Two lists: one for both would hold an IPv4 address for the IPv6 one that stands for it.
const PRIVATE = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [net, bits] of SPECIAL_IPV4_NETWORKS) PRIVATE.ipv4.addSubnet(net, bits, 'ipv4');
// Everything but the global unicast space, and within it the addresses that stand for others (6to4, Teredo, documentation).
PRIVATE.ipv6.addSubnet('::', 3, 'ipv6');
PRIVATE.ipv6.addSubnet('4000::', 2, 'ipv6');
PRIVATE.ipv6.addSubnet('8000::', 1, 'ipv6');
PRIVATE.ipv6.addSubnet('2001::', 23, 'ipv6');
PRIVATE.ipv6.addSubnet('2001:db8::', 32, 'ipv6');
PRIVATE.ipv6.addSubnet('2002::', 16, 'ipv6');

/** An address as content has it. @throws KuvertError `content_invalid` for what is no web address, or has a password in it */
export function webAddress(text: string): string {
  const invalid = () => new KuvertError('content_invalid', { details: { field: 'url' } });
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) throw invalid();
  if (parsed.username !== '' || parsed.password !== '') throw invalid();
  if (utf8(parsed.href).length > CONTENT_LIMITS.urlBytes) throw invalid();
  return parsed.href;
}

/**
 * Looks at a page.
 * @param url as {@link webAddress} gives it
 * @returns a preview with an empty title when nothing can be had of the page
 */
export async function previewOfPage(url: string): Promise<LinkPreview> {
  try {
    const { bytes, at, type } = await fetchBytes(new URL(url), { bytesMax: PAGE_BYTES_MAX, isTyped: true });
    if (!/^(text\/html|application\/xhtml\+xml)\b/i.test(type)) return { url, title: '' };
    const page = readPage(decode(bytes, type));
    const picture = page.picture && URL.canParse(page.picture, at) ? new URL(page.picture, at) : undefined;
    const preview = picture && (await fetchPicture(picture));
    const { title, description } = page;
    return {
      url,
      title: cut(title, CONTENT_LIMITS.titleBytes),
      ...(description !== '' && { description: cut(description, CONTENT_LIMITS.descriptionBytes) }),
      ...(preview && { preview }),
    };
  } catch {
    return { url, title: '' };
  }
}

async function fetchPicture(url: URL): Promise<LinkPreview['preview']> {
  try {
    const { bytes } = await fetchBytes(url, { bytesMax: PICTURE_BYTES_MAX, isTyped: false });
    return picturePreview(bytes)?.preview;
  } catch {
    return undefined;
  }
}

interface Page {
  readonly title: string;
  readonly description: string;
  readonly picture: string;
}

/** Title, description and picture as a page gives them (Open Graph, then HTML's own). */
export function readPage(html: string): Page {
  const meta = new Map<string, string>();
  let title = '';
  let isTitle = false;
  const parser = new Parser({
    onopentag(name, { property, name: called, content }) {
      isTitle = name === 'title' && title === '';
      const key = (property ?? called ?? '').toLowerCase();
      if (name === 'meta' && content !== undefined && !meta.has(key)) meta.set(key, content);
    },
    ontext(text) {
      if (isTitle) title += text;
    },
    onclosetag(name) {
      if (name === 'title') isTitle = false;
    },
  });
  parser.end(html);
  const one = (...keys: string[]) => keys.map((key) => meta.get(key)).find((value) => value) ?? '';
  return {
    title: oneLine(one('og:title', 'twitter:title') || title),
    description: oneLine(one('og:description', 'description', 'twitter:description')),
    picture: one('og:image:secure_url', 'og:image', 'og:image:url', 'twitter:image').trim(),
  };
}

interface Fetched {
  readonly bytes: Buffer;
  readonly at: URL;
  readonly type: string;
}

/** @param options.isTyped a person has named it; else it is followed only into the public network */
async function fetchBytes(
  from: URL,
  options: { readonly bytesMax: number; readonly isTyped: boolean },
): Promise<Fetched> {
  const signal = AbortSignal.timeout(TIME_LIMIT_MS);
  let at = from;
  for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
    const isFree = options.isTyped && at.host === from.host;
    const answer = await request(at, { signal, isFree });
    const { statusCode = 0, headers } = answer;
    if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
      answer.destroy();
      at = new URL(headers.location, at);
      continue;
    }
    if (statusCode !== 200) {
      answer.destroy();
      break;
    }
    return { bytes: await take(answer, options.bytesMax), at, type: headers['content-type'] ?? '' };
  }
  throw new Error('nothing to be had');
}

function request(
  url: URL,
  { signal, isFree }: { readonly signal: AbortSignal; readonly isFree: boolean },
): Promise<IncomingMessage> {
  const { hostname, protocol } = url;
  if (protocol !== 'http:' && protocol !== 'https:') throw new Error('no web address');
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (!isFree && isIP(literal) !== 0 && isPrivate(literal)) throw new Error('not public');
  const headers = { accept: 'text/html,image/jpeg,image/png', 'user-agent': 'Kuvert' };
  const lookup = isFree ? {} : { lookup: publicLookup };
  return new Promise((resolve, reject) => {
    const get = protocol === 'https:' ? getTls : getPlain;
    // A connection of its own: one that is kept open is of no use to anybody.
    get(url, { headers, signal, agent: false, ...lookup }, resolve).on('error', reject);
  });
}

/** Refuses names of addresses that are not of the public network, at the moment at which one of them is connected to. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    const isBad =
      error !== null || addresses.length === 0 || addresses.some(({ address }) => isPrivate(address));
    if (isBad) return callback(error ?? new Error('not public'), '', 4);
    const [first] = addresses;
    if (options.all) return callback(null, addresses);
    callback(null, first?.address ?? '', first?.family ?? 4);
  });
};

/** True for addresses that are not of the public network. */
export function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plain = mapped ?? address;
  const family = isIP(plain);
  if (family === 0) return true;
  return family === 6 ? PRIVATE.ipv6.check(plain, 'ipv6') : PRIVATE.ipv4.check(plain, 'ipv4');
}

/** The beginning of an answer: what is said of a page stands there. */
async function take(answer: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    parts.push(part);
    size += part.length;
    if (size >= bytesMax) break;
  }
  return Buffer.concat(parts);
}

function decode(bytes: Buffer, type: string): string {
  const label =
    /charset=["']?([\w-]+)/i.exec(`${type} ${bytes.toString('latin1', 0, 2_048)}`)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(label).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
}

/** As much of a text as fits, never half a character. */
function cut(text: string, bytesMax: number): string {
  if (utf8(text).length <= bytesMax) return text;
  let kept = '';
  let size = 3;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    size += utf8(segment).length;
    if (size > bytesMax) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}
