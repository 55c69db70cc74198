/**
 * What did not open is asked for again, and what others could not open is sent again: the same frame under a new session,
 * a few times and no more, so that two broken devices do not write to each other for ever.
 */
import { CLASSES, type DeviceId, encodeContent, type PersonId, READER_VERSION } from '@kuvert/protocol';
import { type Context, newId } from './context.ts';
import { resendToMember } from './groups/repairs.ts';
import type { OutboxRow } from './store.ts';

/** How often one leg is asked for. */
const REQUESTS_PER_LEG_MAX = 3;
/** How often one message is sealed again because a device could not open it. */
const RESENDS_MAX = 3;
/** Requests to one device within an hour. */
const REQUESTS_PER_HOUR_MAX = 256;
const LEGS_PER_REQUEST_MAX = 64;
const HOUR_MS = 3_600_000;

/** Asks a device to send legs again. Runs in the transaction that has quarantined them. */
export function requestAgain(
  context: Context,
  sender: { readonly device: DeviceId; readonly personId: PersonId },
  legHashes: readonly Uint8Array<ArrayBuffer>[],
): void {
  const { store, clock } = context;
  const recently = store.repairs.countRequestsTo(sender.device, clock.now() - HOUR_MS);
  const room = Math.max(0, REQUESTS_PER_HOUR_MAX - recently);
  const legs = legHashes
    .filter((hash) => store.repairs.countRequests(hash) < REQUESTS_PER_LEG_MAX)
    .slice(0, room);
  if (legs.length === 0) return;
  // The session may be what is broken: the first request within an hour begins a new one, so that it can be read.
  if (recently === 0) store.sessions.markForRenewal(sender.device);
  for (const hash of legs) store.repairs.addRequest(hash);
  for (let at = 0; at < legs.length; at += LEGS_PER_REQUEST_MAX) {
    store.outbox.add({
      contentId: newId(context, 'content'),
      kind: 'retry-request',
      class: CLASSES.control,
      toMail: undefined,
      toPerson: sender.personId,
      content: encodeContent({
        kind: 'retry-request',
        minReader: READER_VERSION,
        legs: legs.slice(at, at + LEGS_PER_REQUEST_MAX),
      }),
      sentAtMs: clock.now(),
    });
  }
}

/** Asks once more for what was asked for and has not come: the request may have been lost. */
export function requestOverdue(context: Context): void {
  const { store, clock } = context;
  const overdue = store.repairs
    .listQuarantined('undecryptable', LEGS_PER_REQUEST_MAX)
    .filter(({ isOpen, legHash, atMs }) => {
      const requests = store.repairs.countRequests(legHash);
      return isOpen && requests > 0 && clock.now() - atMs > requests * HOUR_MS;
    });
  store.transaction(() => {
    for (const { senderDevice: device, legHash } of overdue) {
      const personId = device && store.directory.findOwner(device);
      if (device && personId) requestAgain(context, { device, personId }, [legHash]);
    }
  });
}

/** Has what a verified device could not open sealed again, in a new session with it. True when there is something to send. */
export function sendAgain(
  context: Context,
  device: DeviceId,
  legHashes: readonly Uint8Array<ArrayBuffer>[],
): boolean {
  const { store } = context;
  let found = false;
  for (const hash of legHashes) {
    const row = store.outbox.findByLegHash(hash, device);
    const ofGroup = row === undefined ? findOfGroup(context, hash, device) : undefined;
    if (ofGroup !== undefined) {
      found = resendToMember(context, ofGroup.row, { device, personId: ofGroup.personId }) || found;
      if (ofGroup.row.toGroup) context.senderKeyWanted(ofGroup.row.toGroup, ofGroup.personId);
      continue;
    }
    const isOver = row?.frame === undefined || row.deliveredAtMs !== undefined || row.parked;
    if (row === undefined || isOver || row.resends >= RESENDS_MAX) continue;
    store.outbox.addResend(row.seq);
    found = true;
  }
  if (found) store.sessions.markForRenewal(device);
  return found;
}

/** What a group was sent, and who asks for it. */
function findOfGroup(
  { store }: Context,
  hash: Uint8Array<ArrayBuffer>,
  device: DeviceId,
): { readonly row: OutboxRow; readonly personId: PersonId } | undefined {
  const row = store.outbox.findToGroup(hash);
  const personId = store.directory.findOwner(device);
  return row && personId && { row, personId };
}
