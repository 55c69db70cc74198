/**
 * Several devices of one person: which messages each of them shows, and in which order. A device shows as new what was accepted while it
 * was one of its person's; what was before comes as history, into its conversations only. What one device has lost (expired in its mailbox,
 * or forgotten with a copy that was put back) comes back from the others of its person.
 */
import type { Report } from './finding.ts';
import {
  type DeviceLife,
  isForgotten,
  type LedgerIndex,
  type MessageLife,
  type Screen,
  wasGivenUp,
} from './ledger-index.ts';

/** What a device is told of that was given up before it came for it. */
export const LOSSES: ReadonlySet<string> = new Set(['messages_expired', 'was_dormant', 'was_dormant_alone']);

/** Whom a message concerns: the two people. */
export function partiesOf(index: LedgerIndex, message: MessageLife): (string | undefined)[] {
  return [index.devices.get(message.ref.from)?.enrolled.person, message.intended?.to];
}

/** A device has the whole history: it is its person's first, or was given it by another one. */
export function isWhole(index: LedgerIndex, { enrolled, linkingAt }: DeviceLife, now: number): boolean {
  const isFirst = linkingAt === enrolled.at;
  return isFirst || index.of('history').some(({ device, at }) => device === enrolled.device && at < now);
}

/** Screens of one person at a moment of rest. */
export function screensByPerson(screens: readonly Screen[]): Screen[][] {
  return [...Map.groupBy(screens, ({ life }) => life.enrolled.person).values()];
}

/**
 * Nothing comes to a device after its revocation, and nothing that its person had before it was linked comes to it as new. What nobody of them
 * had by then, because it was given up or forgotten, is new for all of them when its sender sends it again.
 */
function showsItsOwnTime(index: LedgerIndex, report: Report): void {
  for (const message of index.messages) {
    for (const { device, at } of message.displayed) {
      const life = index.devices.get(device);
      if (!life) continue;
      const about = { ...message.ref, device };
      if (at > life.revokedAt) report('revoked_device_showed', at, about);
      if ((message.accepted[0]?.at ?? Infinity) < life.linkingAt && hadBefore(index, message, life))
        report('device_showed_the_past', at, about);
    }
  }
}

/** True when another device of the same person had a message when this one was about to be linked. */
function hadBefore(index: LedgerIndex, message: MessageLife, { enrolled, linkingAt }: DeviceLife): boolean {
  return message.displayed.some(({ device, at }) => {
    const other = index.devices.get(device);
    if (other === undefined || device === enrolled.device || at >= linkingAt) return false;
    return other.enrolled.person === enrolled.person && !isForgotten(other, at, linkingAt);
  });
}

/** A message that nobody has taken away is on every screen it belongs on. */
function listsEverything(index: LedgerIndex, report: Report): void {
  for (const { settled, screens } of index.rests) {
    for (const message of index.messages) {
      const accepted = message.accepted[0];
      if (!accepted || accepted.at > settled.at || message.deleted.length > 0) continue;
      const parties = partiesOf(index, message);
      for (const { life, standing } of screens) {
        const { device, person } = life.enrolled;
        if (!parties.includes(person) || accepted.at < life.enrolled.at) continue;
        if (message.listed.some((listed) => listed.at === standing.at)) continue;
        if (mayLack(index, message, { life, now: settled.at, flushed: settled.flushed })) continue;
        report('device_lacks_message', settled.at, { ...message.ref, device });
      }
    }
  }
}

/** Whether a device may lack a message as long as the others of its person lack it too. */
function mayLack(
  index: LedgerIndex,
  message: MessageLife,
  { life, now, flushed }: { life: DeviceLife; now: number; flushed: readonly string[] },
): boolean {
  const { device, person } = life.enrolled;
  const acceptedAt = message.accepted[0]?.at ?? 0;
  const has = (event: { device: string; at: number }) => event.device === device && event.at < now;
  if (message.expired.some(has)) return true;
  if (life.forgotten.some(({ to }) => acceptedAt < to && to < now)) return true;
  const sender = index.devices.get(message.ref.from);
  if (sender?.enrolled.person !== person || message.ref.from === device) return false;
  // A copy of what another device of its person has sent: made by that one once it knows that it was accepted.
  const isSenderGone = sender.revokedAt < now || !flushed.includes(message.ref.from);
  const wasMade = message.queued[0]?.at ?? message.intended?.at ?? 0;
  return isSenderGone || isForgotten(sender, wasMade, now) || isForgotten(sender, acceptedAt, now);
}

/**
 * What is on a screen is there once, unaltered, was written by somebody for this person, and stands in the order of its writing; but what was given up
 * and is sent again stands where it came, because nobody looks for what is new above what they have read.
 */
function listsInOrder(index: LedgerIndex, report: Report): void {
  const lives = new Map(index.messages.map((life) => [`${life.ref.from} ${life.ref.messageId}`, life]));
  for (const { device, at, conversations } of index.of('standing')) {
    const reader = index.devices.get(device)?.enrolled;
    for (const { entries } of conversations) {
      const seen = new Set<string>();
      const latestIntention = new Map<string, number>();
      for (const { from, messageId, kind, text } of entries) {
        const about = { from, messageId, device };
        const key = `${from} ${messageId}`;
        const message = lives.get(key);
        if (seen.has(key)) report('device_lists_twice', at, about);
        seen.add(key);
        if (!message?.intended) {
          report('device_lists_unknown', at, about);
          continue;
        }
        if (kind === 'text' && text !== message.intended.text) report('text_altered', at, about);
        const sender = index.devices.get(from)?.enrolled;
        if (reader && sender && reader.tenant !== sender.tenant) report('P4_crossed_tenants', at, about);
        else if (reader && !partiesOf(index, message).includes(reader.person))
          report('P4_wrong_person', at, about);
        if (wasGivenUp(message, at)) continue;
        const writtenDown = message.queued[0]?.at;
        const latest = latestIntention.get(from) ?? -1;
        if (writtenDown !== undefined && latest > writtenDown) report('device_reordered', at, about);
        latestIntention.set(from, Math.max(latest, message.intended.at));
      }
    }
  }
}

/** All rules on what is on which device. */
export const DEVICE_RULES = [showsItsOwnTime, listsEverything, listsInOrder] as const;
