/** What becomes of a delivery that is not shown: it is set aside, and people are told where that says something. */
import { CLASSES } from '@kuvert/protocol';
import type { ChainSender } from './chains/follow.ts';
import type { Context } from './context.ts';
import type { Refused } from './incoming.ts';

/** Sets a refused delivery aside. Runs in the transaction of its batch. */
export function keepRefused({ store, clock }: Context, { refusal, item, sender }: Refused): void {
  const { delivery, hash, opened } = item;
  if (delivery.class === CLASSES.ephemeral) return;
  const atMs = clock.now();
  const senderDevice = opened?.senderDevice;
  const isMessage = delivery.class === CLASSES.message;
  store.repairs.quarantine({
    legHash: hash,
    leg: Uint8Array.from(delivery.leg),
    body: delivery.body && Uint8Array.from(delivery.body),
    class: delivery.class,
    acceptedAtMs: delivery.acceptedAtMs,
    expiresAtMs: delivery.expiresAtMs,
    senderDevice,
    reason: refusal,
    atMs,
    isOpen: isMessage && refusal === 'undecryptable',
  });
  // What could not be opened is asked for again; people are told only when it does not come (`gaps.ts`).
  if (refusal === 'undecryptable' || refusal === 'no-key' || (!isMessage && refusal !== 'untrusted')) return;
  store.notices.add({
    kind: 'refused',
    atMs,
    ...(sender && { personId: sender.personId }),
    ...(senderDevice && { deviceId: senderDevice }),
    ...(refusal === 'untrusted' && { code: 'identity_not_trusted' as const }),
    ...(refusal === 'too-new' && { code: 'client_too_old' as const }),
  });
}

/** Tells that a verified device has said something that does not fit with what it said before, or is not its to say. */
export function noticeInconsistent({ store, clock }: Context, sender: ChainSender): void {
  const { device: deviceId, personId } = sender;
  store.notices.add({ kind: 'refused', atMs: clock.now(), personId, deviceId });
}
