/**
 * The two losses that nobody can mend (P1, wire.md §4); their people are told of both. A message was sealed for a state of a device that a copy has
 * replaced since, and its sender's device, which alone keeps the plaintext until it is acknowledged, was taken out before it could be asked again. It
 * counts only where no other device of theirs has it, for those give what they have to one that was put back. Or that device was put back too.
 */
import { type DeviceLife, isForgotten, type LedgerIndex, type MessageLife } from './ledger-index.ts';

/** True when a message may be lost to a device by `now`, whether its person was told or not. */
function isOutOfReach(index: LedgerIndex, message: MessageLife, life: DeviceLife, now: number): boolean {
  const acceptedAt = message.accepted[0]?.at ?? Infinity;
  const { device, person } = life.enrolled;
  const restore = life.forgotten.find(({ from, to }) => from < acceptedAt && acceptedAt < to && to < now);
  const sender = index.devices.get(message.ref.from);
  if (restore === undefined || sender === undefined || sender.revokedAt > now) return false;
  // Whoever was asked while still a device has to answer.
  const cameBack = index.of('served').find((event) => event.device === device && event.at > restore.to);
  const asked = index
    .of('served')
    .some(({ device: who, at }) => who === message.ref.from && at > (cameBack?.at ?? Infinity));
  if (asked || sender.revokedAt < restore.to) return false;
  const isElsewhere = [...message.displayed, ...message.listed].some(
    ({ device: other, at }) => at < now && index.devices.get(other)?.enrolled.person === person,
  );
  return !isElsewhere;
}

/** True when a message was lost so, and the person of the device was told of something that cannot be opened. */
export function isLostWithRestore(
  index: LedgerIndex,
  message: MessageLife,
  life: DeviceLife,
  now: number,
): boolean {
  const restoredAt = life.forgotten.findLast(({ to }) => to < now)?.to ?? Infinity;
  const isTold = index
    .of('told')
    .some(
      ({ device, notice, at }) =>
        device === life.enrolled.device && notice === 'undecryptable' && at > restoredAt && at < now,
    );
  return isTold && isOutOfReach(index, message, life, now);
}

/**
 * True when both ends were put back from copies: the sender's device has forgotten the message, its reader's one cannot know of it, nobody else of
 * either person has it, and both were told since when something may be missing.
 */
export function isForgottenAtBothEnds(
  index: LedgerIndex,
  message: MessageLife,
  life: DeviceLife,
  now: number,
): boolean {
  const acceptedAt = message.accepted[0]?.at ?? Infinity;
  const sender = index.devices.get(message.ref.from);
  const isPutBack = life.forgotten.some(({ to }) => to < now);
  if (sender === undefined || !isForgotten(sender, acceptedAt, now) || !isPutBack) return false;
  const isTold = ({ enrolled, forgotten }: DeviceLife) =>
    index
      .of('told')
      .some(
        ({ device, notice, at }) =>
          device === enrolled.device &&
          notice === 'profile_restored' &&
          at > (forgotten.findLast(({ to }) => to < now)?.to ?? Infinity) &&
          at < now,
      );
  if (!isTold(sender) || !isTold(life)) return false;
  // What the sender's other devices have as a copy goes out once more, and the reader's ones give what they have.
  const ends = new Set([sender.enrolled.person, life.enrolled.person]);
  return [...message.displayed, ...message.listed].every(
    ({ device, at }) => at > now || !ends.has(index.devices.get(device)?.enrolled.person ?? ''),
  );
}

/** True when telling a device of what cannot be opened has such a message for its cause. */
export function hasLostWithRestore(index: LedgerIndex, device: string, toldAt: number): boolean {
  const life = index.devices.get(device);
  if (life === undefined) return false;
  return index.messages.some(
    (message) =>
      index.addressed(message).includes(life) &&
      (isOutOfReach(index, message, life, toldAt) || isForgottenAtBothEnds(index, message, life, Infinity)),
  );
}
