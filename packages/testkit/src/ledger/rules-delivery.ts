/** P1: what was written down, accepted, acknowledged and expired. */
import type { Finding, Report } from './finding.ts';
import { type DeviceLife, isForgotten, type LedgerIndex, type MessageLife } from './ledger-index.ts';
import { isForgottenAtBothEnds, isLostWithRestore } from './lost-with-restore.ts';

/** What names a message, and one device of its addressee, in a finding. */
const about = ({ ref }: MessageLife, life?: DeviceLife): Finding['about'] => ({
  ...ref,
  ...(life ? { device: life.enrolled.device } : {}),
});

/** The first event of a device among these. */
function ofDevice<E extends { device: string }>(
  events: readonly E[],
  { enrolled }: DeviceLife,
): E | undefined {
  return events.find(({ device }) => device === enrolled.device);
}

/** What was accepted is shown by every addressed device that has drained its mailbox, or has expired there. */
function acceptedArrives(index: LedgerIndex, report: Report): void {
  const reported = new Set<string>();
  for (const { drained, at } of index.of('settled')) {
    const settled = new Set(drained);
    for (const message of index.messages) {
      const accepted = message.accepted[0];
      if (!accepted || accepted.at > at) continue;
      for (const life of index.addressed(message)) {
        const { device } = life.enrolled;
        if (!settled.has(device) || life.revokedAt < at) continue;
        const seen = [...message.displayed, ...message.listed, ...message.expired].some(
          (event) => event.device === device && event.at < at,
        );
        if (seen || wasTakenAway(index, message, { life, now: at })) continue;
        if (isLostWithRestore(index, message, life, at)) continue;
        if (isForgottenAtBothEnds(index, message, life, at)) continue;
        const key = `${message.ref.from} ${message.ref.messageId} ${device}`;
        if (!reported.has(key)) report('P1_lost', at, about(message, life));
        reported.add(key);
      }
    }
  }
}

/** What was deleted for everybody, or by its reader, is shown no more; what somebody else hides from themselves is. */
function wasTakenAway(
  index: LedgerIndex,
  { deleted }: MessageLife,
  { life, now }: { readonly life: DeviceLife; readonly now: number },
): boolean {
  const { device, person } = life.enrolled;
  return deleted.some(({ at, scope, device: by }) => {
    if (at >= now) return false;
    if (scope === 'own-devices') return index.devices.get(by)?.enrolled.person === person;
    return scope === 'everywhere' || by === device;
  });
}

/** What a client wrote down is accepted once its outbox is empty, also after kills. */
function outboxKeeps(index: LedgerIndex, report: Report): void {
  for (const { flushed, drained, at } of index.of('settled')) {
    for (const message of index.messages) {
      const queued = message.queued[0];
      if (!queued || queued.at > at || !flushed.includes(message.ref.from)) continue;
      if (message.accepted.some((accepted) => accepted.at < at)) continue;
      const life = index.devices.get(message.ref.from);
      // Gone with the state that a copy has replaced, or with the device, or taken back before it left.
      const isGone = life && (life.revokedAt < at || isForgotten(life, queued.at, at));
      if (isGone || message.deleted.length > 0) continue;
      const shown = message.displayed.some(({ device }) => drained.includes(device));
      if (!shown) report('P1_outbox_lost', at, about(message));
    }
  }
}

/** The envelope is durable before anybody is told so. */
function acceptedAfterCommit(index: LedgerIndex, report: Report): void {
  if (!index.observesCommits) return;
  for (const message of index.messages) {
    const accepted = message.accepted[0];
    if (!accepted) continue;
    const isStoredFor = (device?: string) =>
      message.committed.some((event) => event.at < accepted.at && (device ?? event.device) === event.device);
    const forgotten = index
      .addressed(message)
      .find((life) => life.revokedAt > accepted.at && !isStoredFor(life.enrolled.device));
    if (!isStoredFor() || forgotten)
      report('P1_accepted_before_commit', accepted.at, about(message, forgotten));
  }
}

/** Nobody sees what a power cut could still take back, and nobody is told that somebody has it. */
function shownAfterCommit(index: LedgerIndex, report: Report): void {
  if (!index.observesCommits) return;
  for (const message of index.messages) {
    for (const { device, at } of message.displayed) {
      if (!message.committed.some((event) => event.device === device && event.at < at))
        report('P1_shown_before_commit', at, { ...message.ref, device });
    }
    const [told] = message.delivered;
    if (told && !message.committed.some(({ at }) => at < told.at))
      report('P1_delivered_untrue', told.at, about(message));
  }
}

/** Delivered means that a device has it; one that showed nothing to the end has nothing. */
function deliveredIsTrue(index: LedgerIndex, report: Report): void {
  for (const message of index.messages) {
    const delivered = message.delivered[0];
    if (!delivered) continue;
    const devices = index.addressed(message);
    const settled = index.of('settled').find(({ at }) => at > delivered.at);
    const untrue =
      devices.length === 0 ||
      devices.some(
        (life) =>
          life.revokedAt === Infinity &&
          settled?.drained.includes(life.enrolled.device) &&
          message.deleted.length === 0 &&
          !ofDevice(message.expired, life) &&
          !ofDevice(message.listed, life) &&
          !ofDevice(message.displayed, life),
      );
    if (untrue) report('P1_delivered_untrue', delivered.at, about(message));
  }
}

/** An envelope is kept until its time, whenever its sender hears of that, and leaves a tombstone; what a device has had leaves none. */
function expiryByPolicy(index: LedgerIndex, report: Report): void {
  for (const message of index.messages) {
    const [{ at, acceptedAtMs = 0, expiresAtMs = Infinity } = { at: 0 }] = message.accepted;
    if (expiresAtMs < acceptedAtMs) report('P1_expired_too_early', at, about(message));
    const keptUntilMs = Math.max(acceptedAtMs, expiresAtMs === Infinity ? 0 : expiresAtMs);
    for (const expired of message.expired) {
      const where = { ...message.ref, device: expired.device };
      const life = index.devices.get(expired.device);
      const wasHad = [...message.displayed, ...message.acked].some(
        (event) =>
          event.device === expired.device &&
          event.at < expired.at &&
          !(life && isForgotten(life, event.at, expired.at)),
      );
      if (wasHad) report('P1_expired_untrue', expired.at, where);
      if (expired.atMs < keptUntilMs && expired.why !== 'dormant')
        report('P1_expired_too_early', expired.at, where);
      if (!expired.tombstone) report('P1_expired_without_tombstone', expired.at, where);
    }
  }
}

/** Only what was stored for a device can be acknowledged by it. */
function ackOfSomething(index: LedgerIndex, report: Report): void {
  for (const message of index.messages) {
    for (const { at, device } of message.acked) {
      const stored = index.observesCommits
        ? message.committed.some((committed) => committed.device === device && committed.at < at)
        : message.intended !== undefined && message.intended.at < at;
      if (!stored) report('P1_ack_of_nothing', at, { ...message.ref, device });
    }
  }
}

/** All rules on the way from outbox to mailbox and out of it. */
export const DELIVERY_RULES = [
  acceptedArrives,
  outboxKeeps,
  acceptedAfterCommit,
  shownAfterCommit,
  deliveredIsTrue,
  expiryByPolicy,
  ackOfSomething,
] as const;
