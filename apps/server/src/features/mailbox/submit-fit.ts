/** Whether a submit is for exactly the devices that its recipient has now. */
import { type DeviceId, equalBytes, KuvertError, type Submit } from '@kuvert/protocol';
import type { DeviceSet } from '../devices/index.ts';

/** Devices that a refusal names at the most, of each sort. */
const DEVICES_NAMED_MAX = 64;

/** True for a submit with one leg, to a person who has that one device and no other: nearly all of them. It fits. */
export function fitsOneDevice(set: DeviceSet, submit: Submit, sender: DeviceId): boolean {
  const [only] = set.devices;
  return (
    set.devices.length === 1 &&
    submit.legs.length === 1 &&
    only?.deviceId === submit.legs[0]?.device &&
    only?.deviceId !== sender &&
    equalBytes(set.listHash, submit.listHash)
  );
}

/**
 * Why this submit cannot be for these devices, or undefined when it fits. What one sends to oneself is for one's other devices only.
 * @param sender.isOwn the recipient is the sender's own person, who may have no other device
 */
export function findMisfit(
  set: DeviceSet,
  submit: Submit,
  sender: { readonly deviceId: DeviceId; readonly isOwn: boolean },
): KuvertError | undefined {
  const isStale = !equalBytes(set.listHash, submit.listHash);
  const expected = set.devices.filter((device) => device.deviceId !== sender.deviceId);
  const [first] = expected;
  const [leg] = submit.legs;
  const isUsual = expected.length === 1 && submit.legs.length === 1 && leg?.device === first?.deviceId;
  if (isUsual && !isStale) return undefined;
  const legs = new Set(submit.legs.map((other) => other.device));
  const missing = expected.flatMap(({ deviceId }) => (legs.delete(deviceId) ? [] : deviceId));
  const extra = [...legs];
  if (legs.size === 0 && missing.length === 0 && !isStale) {
    return expected.length === 0 && !sender.isOwn ? new KuvertError('no_device') : undefined;
  }
  return new KuvertError('devices_changed', {
    details: {
      missing: missing.slice(0, DEVICES_NAMED_MAX),
      extra: extra.slice(0, DEVICES_NAMED_MAX),
      stale: isStale,
    },
  });
}
