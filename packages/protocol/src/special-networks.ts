/**
 * Networks of IPv4 that are not of the public internet, as address and prefix length: this machine, private and shared nets, links, tests,
 * multicast and what is reserved (IANA IPv4 Special-Purpose Address Registry). For whoever connects to what somebody else has named.
 */
export const SPECIAL_IPV4_NETWORKS = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const;
