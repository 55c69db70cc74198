/**
 * From which address somebody comes, where proxies stand in between: the last address in `X-Forwarded-For` that is none of the trusted proxies. Whoever is not one of them can
 * write there what they like; it does not count.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

const HOPS_MAX = 20;

/** Says of an address whether it is one of our proxies. */
export type IsTrusted = (address: string) => boolean;

/** @param list addresses, or networks such as `10.0.0.0/8` */
export function trustedProxies(list: readonly string[]): IsTrusted {
  const proxies = new BlockList();
  for (const one of list) {
    const [address = '', bits] = one.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) proxies.addAddress(address, family);
    else proxies.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const plain = unmapped(address);
    const version = isIP(plain);
    return version !== 0 && proxies.check(plain, version === 6 ? 'ipv6' : 'ipv4');
  };
}

/** An IPv4 address that came as IPv6 is the same address. */
export function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}

/** The address of whoever has sent a request. */
export function clientAddress(request: IncomingMessage, isTrusted: IsTrusted): string {
  let address = unmapped(request.socket.remoteAddress ?? '');
  const header = request.headers['x-forwarded-for'];
  const hops = (Array.isArray(header) ? header.join(',') : (header ?? ''))
    .split(',')
    .slice(-HOPS_MAX)
    .reverse();
  for (const hop of hops) {
    const before = unmapped(hop.trim());
    if (!isTrusted(address) || isIP(before) === 0) return address;
    address = before;
  }
  return address;
}
