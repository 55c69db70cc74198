import { buildFrame, conversationIdFor, packFrame } from '@kuvert/crypto/session';
import { CLASSES, type PersonId, SUITES, type Submit } from '@kuvert/protocol';
import { type Context, newId, newSubmitId, stageSessions } from '../context.ts';
import { headerOf, listDevicesWithoutSession, peersOf } from '../sealing.ts';
import { awaitsConfirmation } from '../trust/confirmation.ts';

/**
 * Seals something that is kept nowhere, in sessions that are there: for a sign of writing no keys are fetched and no session is begun.
 * The ratchet steps are committed before it leaves.
 * @returns undefined when it cannot or may not be sent to this person now
 */
export function sealEphemeral(
  context: Context,
  personId: PersonId,
  content: Uint8Array<ArrayBuffer>,
  kind: string,
): Promise<Omit<Submit, 'requestNo'> | undefined> {
  const { store, own, clock, random } = context;
  return context.operations.run(async () => {
    const account = store.directory.getAccount(personId);
    if (account === undefined || personId === own.personId || awaitsConfirmation(context, account))
      return undefined;
    const peers = peersOf(context, account);
    if (peers.length === 0 || listDevicesWithoutSession(context, account).length > 0) return undefined;
    const contentId = newId(context, 'content');
    const row = { contentId, kind, sentAtMs: clock.now() };
    const conversation = conversationIdFor(own.tenantId, own.personId, personId);
    const header = headerOf(context, { row, account, conversation, chain: undefined });
    const frame = buildFrame({ frankingKey: random(32), header, body: content });
    const { plaintext, body } = packFrame(frame.bytes, random(32));
    const staged = stageSessions(context);
    const legs: { device: (typeof peers)[number]['device']; bytes: Uint8Array }[] = [];
    for (const peer of peers) {
      const step = { peer, plaintext, class: CLASSES.ephemeral, nowMs: clock.now() };
      const { leg, writes } = await staged.cipher.encrypt(step);
      staged.absorb(writes);
      legs.push({ device: peer.device, bytes: leg });
    }
    store.transaction(() => store.sessions.apply(staged.writes()));
    return {
      submitId: newSubmitId(context),
      to: personId,
      listHash: Uint8Array.from(account.pin.hash),
      suite: SUITES.signalPairwise,
      class: CLASSES.ephemeral,
      urgency: 0,
      lifetime: 3,
      legs,
      ...(body && { body }),
    };
  });
}
