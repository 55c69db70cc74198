/** What a submit is, at a glance, and what it is answered. */
import { type DeviceId, ID_TYPES, type Submit } from '@kuvert/protocol';
import type { Accepted } from '../../channel/routes.ts';
import type { GroupSubmit } from './submit-group.ts';

const GROUP_PREFIX = `${ID_TYPES.group.prefix}_`;

/** A submit is to a person or to a group. */
export function isToGroup(submit: Submit): submit is GroupSubmit['submit'] {
  return submit.to.startsWith(GROUP_PREFIX);
}

/** The devices that a submit has a leg for, in its order. */
export function devicesOf({ legs }: Submit): DeviceId[] {
  return legs.map(({ device }) => device);
}

/** Bytes that a submit brings into mailboxes. */
export function sizeOf(submit: Submit): number {
  // The body of a message to a group is kept once.
  let bytes = (submit.body?.length ?? 0) * Math.max(1, submit.legs.length);
  for (const leg of submit.legs) bytes += leg.bytes.length;
  return bytes;
}

/** The answer to a submit that was committed. @param dormant devices for which nothing was stored */
export function accepted(submit: Submit, acceptedAtMs: number, dormant: readonly DeviceId[] = []): Accepted {
  // A message to a group has no legs of its own; its answer names only who is dormant.
  const devices = isToGroup(submit) ? dormant : devicesOf(submit);
  const outcomeOf = (device: DeviceId) => (dormant.includes(device) ? 'dormant' : 'stored');
  return { acceptedAtMs, legs: devices.map((device) => ({ device, outcome: outcomeOf(device) })) };
}
