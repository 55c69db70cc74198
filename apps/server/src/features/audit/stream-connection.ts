/**
 * One delivery to a collector over TLS (RFC 5425): connect, write everything, end, and wait for the other side to end too. Syslog has no acknowledgements, but a peer
 * that closes in order after our end has read all of it; whatever else happens counts as not delivered.
 */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { connect } from 'node:tls';
import { KuvertError, SPECIAL_IPV4_NETWORKS } from '@kuvert/protocol';

/** Where messages go. */
export interface StreamTarget {
  readonly host: string;
  readonly port: number;
  /** PEM of the authorities that may have signed the collector's certificate; those of Node without it. */
  readonly ca: string | null;
}

/** How long one delivery may take. */
const DELIVERY_MS = 30_000;

/** Addresses that a tenant has no business to make the server speak to. */
const INSIDE = new BlockList();
for (const [net, bits] of SPECIAL_IPV4_NETWORKS) INSIDE.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  INSIDE.addSubnet(net, bits, 'ipv6');

/** Whether an address lies inside: of this machine, of a private net, of a link. IPv4 in IPv6 counts as the IPv4. */
export function isInside(address: string): boolean {
  const family = isIP(address);
  return family === 0 || INSIDE.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Delivers.
 * @param allowsInside whether the target may be an address inside
 * @throws Error when not everything has arrived for certain; KuvertError `not_allowed` for an address that is not allowed
 */
export async function deliver(
  target: StreamTarget,
  frames: readonly Uint8Array[],
  allowsInside: boolean,
): Promise<void> {
  // Looked up once and connected to by address, so that a name cannot mean another one a moment later.
  const addresses = await lookup(target.host, { all: true });
  const [first] = addresses;
  if (first === undefined) throw new Error('no address');
  if (!allowsInside && addresses.some(({ address }) => isInside(address)))
    throw new KuvertError('not_allowed');
  await new Promise<void>((resolve, reject) => {
    const socket = connect({
      host: first.address,
      port: target.port,
      ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
      ...(target.ca === null ? {} : { ca: target.ca }),
      minVersion: 'TLSv1.2',
    });
    let hasEnded = false;
    const timer = setTimeout(() => socket.destroy(new Error('timed out')), DELIVERY_MS);
    socket.once('secureConnect', () => {
      for (const frame of frames) socket.write(frame);
      socket.end();
    });
    // Nobody says anything to a sender of logs; it is read so that the end is noticed.
    socket.resume();
    socket.once('end', () => {
      hasEnded = socket.writableFinished;
    });
    socket.once('error', reject);
    socket.once('close', (hadError) => {
      clearTimeout(timer);
      if (!hadError && hasEnded) resolve();
      else reject(new Error('closed before everything had arrived'));
    });
  });
}
