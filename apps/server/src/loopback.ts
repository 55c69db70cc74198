/** True for a host that only this machine can reach: a name or an address, without port or brackets. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** An address of this machine itself, where a proxy or a test stands for many peers. */
export function isOwnAddress(address: string): boolean {
  return isLoopback(address.replace(/^::ffff:/, ''));
}
