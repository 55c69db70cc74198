/** What the server must never do: give a prekey twice, serve a revoked device; and what a device must never do: step its ratchet back. */
import type { Report } from './finding.ts';
import type { LedgerIndex } from './ledger-index.ts';

/** A one-time prekey goes to one request only, and was uploaded before. */
function prekeysOnce(index: LedgerIndex, report: Report): void {
  const published = new Map(
    index.of('prekey-published').map(({ device, key, at }) => [`${device} ${key}`, at]),
  );
  const takenBy = new Map<string, string>();
  for (const { device, key, request, at } of index.of('prekey-taken')) {
    const name = `${device} ${key}`;
    if ((published.get(name) ?? Infinity) > at) report('prekey_never_published', at, { device, key });
    const first = takenBy.get(name);
    if (first !== undefined && first !== request) report('prekey_given_twice', at, { device, key });
    takenBy.set(name, first ?? request);
  }
}

/** From the answer to its revocation on a device gets nothing, and nothing is stored for it. */
function revokedIsOut(index: LedgerIndex, report: Report): void {
  for (const { device, at } of index.of('served')) {
    if ((index.devices.get(device)?.revokedAt ?? Infinity) < at)
      report('revoked_device_served', at, { device });
  }
  for (const { device, at } of index.of('acked')) {
    if ((index.devices.get(device)?.revokedAt ?? Infinity) < at)
      report('revoked_device_served', at, { device });
  }
  const answered = new Set<string>();
  for (const { device, key, request, at } of index.of('prekey-taken')) {
    // A request that is repeated gets the answer of before.
    const name = `${device} ${key} ${request}`;
    if (!answered.has(name) && (index.devices.get(device)?.revokedAt ?? Infinity) < at)
      report('revoked_device_reached', at, { device, key });
    answered.add(name);
  }
  for (const { device, at, from, messageId } of index.of('committed')) {
    if ((index.devices.get(from)?.revokedAt ?? Infinity) < at)
      report('revoked_device_served', at, { device: from, messageId });
    if ((index.devices.get(device)?.revokedAt ?? Infinity) < at) {
      report('revoked_device_reached', at, { device, from, messageId });
    }
  }
}

/** A ratchet that stands where it stood before encrypts two messages under one key. */
function ratchetGrows(index: LedgerIndex, report: Report): void {
  const steps = new Map<string, number>();
  for (const { device, peer, step, at } of index.of('ratchet-stepped')) {
    const key = `${device} ${peer}`;
    const before = steps.get(key);
    if (before !== undefined && step <= before)
      report('ratchet_rolled_back', at, { device, peer, step, before });
    steps.set(key, step);
  }
}

/** Two different legs at one place of one ratchet are encrypted under one key, as by a device that was put back from a copy. */
function ratchetPlacesOnce(index: LedgerIndex, report: Report): void {
  const used = new Map<string, string>();
  for (const { device, peer, place, bytes, at } of index.of('ratchet-used')) {
    const key = `${device} ${peer} ${place}`;
    const before = used.get(key);
    if (before !== undefined && before !== bytes) report('ratchet_used_twice', at, { device, peer, place });
    used.set(key, bytes);
  }
}

/** All rules on keys and revocation. */
export const SERVER_RULES = [prekeysOnce, revokedIsOut, ratchetGrows, ratchetPlacesOnce] as const;
