/**
 * Devices of one person in step: read, deleted, how far one's own have come, settings and safety numbers are the same on all of them, and
 * are what their people have done. What a device did and forgot with a copy that was put back may count or not.
 */
import type { LedgerEvent } from './events.ts';
import type { Finding, Report } from './finding.ts';
import {
  type At,
  type DeviceLife,
  isForgotten,
  type LedgerIndex,
  type Listed,
  type MessageLife,
  type Rest,
  type Screen,
} from './ledger-index.ts';
import { hasLostWithRestore } from './lost-with-restore.ts';
import { isWhole, LOSSES, partiesOf, screensByPerson } from './rules-devices.ts';

/** Whether what somebody did on a device must be known everywhere by now: the device is there, has told, and has not forgotten it. */
function mustBeKnown(index: LedgerIndex, act: { device: string; at: number }, { settled }: Rest): boolean {
  const life = index.devices.get(act.device);
  const hasTold = settled.flushed.includes(act.device) && act.at < settled.at;
  return (
    life !== undefined && hasTold && life.revokedAt > settled.at && !isForgotten(life, act.at, settled.at)
  );
}

/** The lines of a message on these screens. */
function linesOn(message: MessageLife, screens: readonly Screen[]): (Listed & { life: DeviceLife })[] {
  return screens.flatMap(({ life, standing }) =>
    message.listed.filter(({ at }) => at === standing.at).map((line) => ({ ...line, life })),
  );
}

/** Whose screens a deletion reaches. */
function isReached(
  index: LedgerIndex,
  { device, scope }: At<'deleted'>,
  message: MessageLife,
  { enrolled }: DeviceLife,
): boolean {
  if (scope === 'here') return device === enrolled.device;
  const person = index.devices.get(device)?.enrolled.person;
  return scope === 'everywhere'
    ? partiesOf(index, message).includes(enrolled.person)
    : enrolled.person === person;
}

/**
 * Word of a deletion lies in a mailbox as everything does: somebody with one device, which was away for too long or was put back from a copy
 * of before, may never hear of it, nor do the devices that this one gives its history to.
 */
function mayHaveExpired(index: LedgerIndex, deleted: At<'deleted'>, { enrolled }: DeviceLife): boolean {
  const personOf = (device: string) => index.devices.get(device)?.enrolled.person;
  const { person } = enrolled;
  if (personOf(deleted.device) === person) return false;
  const isLost = index
    .of('told')
    .some(({ notice, at, device }) => LOSSES.has(notice) && at > deleted.at && personOf(device) === person);
  return isLost || [...index.devices.values()].some((life) => isForgottenBy(life, person, deleted.at));
}

/** A device of this person was put back to a time before this. */
function isForgottenBy({ enrolled, forgotten }: DeviceLife, person: string, at: number): boolean {
  return enrolled.person === person && forgotten.some(({ from, to }) => from < at && at < to);
}

/** What was deleted stays deleted, on every device that it was to be deleted on, and nothing else looks deleted. */
function deletedStaysDeleted(index: LedgerIndex, report: Report): void {
  for (const rest of index.rests) {
    for (const message of index.messages) {
      for (const { entry, life } of linesOn(message, rest.screens)) {
        const about = { ...message.ref, device: life.enrolled.device };
        const by = message.deleted.find(
          (deleted) =>
            mustBeKnown(index, deleted, rest) &&
            isReached(index, deleted, message, life) &&
            !mayHaveExpired(index, deleted, life),
        );
        if (entry.kind === 'text' && by) report('deletion_undone', rest.settled.at, about);
        const isDeleted = message.deleted.some(
          ({ scope, at }) => scope === 'everywhere' && at < rest.settled.at,
        );
        if (entry.kind === 'deleted' && !isDeleted) report('deleted_by_nobody', rest.settled.at, about);
      }
    }
  }
}

/** What was read on one device is read on all, and nothing else is. */
function readStaysRead(index: LedgerIndex, report: Report): void {
  const personOf = (device: string) => index.devices.get(device)?.enrolled.person;
  for (const rest of index.rests) {
    for (const message of index.messages) {
      for (const { entry, life } of linesOn(message, rest.screens)) {
        const { device, person } = life.enrolled;
        if (message.intended?.to !== person || entry.kind !== 'text') continue;
        const about = { ...message.ref, device };
        const read = message.read.filter(
          (act) => personOf(act.device) === person && act.at < rest.settled.at,
        );
        const isKnown = read.some((act) => mustBeKnown(index, act, rest));
        if (entry.isUnread && isKnown) report('read_state_lost', rest.settled.at, about);
        // Whoever takes a message away has seen it; what they then read below it counts for what stood above.
        const wasTakenAway = message.deleted.some(
          (act) => personOf(act.device) === person && act.at < rest.settled.at,
        );
        if (!entry.isUnread && read.length === 0 && !wasTakenAway)
          report('read_by_nobody', rest.settled.at, about);
      }
    }
  }
}

/** Ticks are true: nothing is read that nobody has read, nothing is delivered that no device has, and what was read is told. */
function ticksAreTrue(index: LedgerIndex, report: Report): void {
  const personOf = (device: string) => index.devices.get(device)?.enrolled.person;
  // A receipt lies in a mailbox as everything does; it may have run out there, alone as well.
  const wasToldOfLoss = index.of('told').some(({ notice }) => LOSSES.has(notice));
  const hasLosses = wasToldOfLoss || index.of('expired').length + index.of('restored').length > 0;
  for (const rest of index.rests) {
    const now = rest.settled.at;
    for (const message of index.messages) {
      const to = message.intended?.to;
      const read = message.read.filter(({ device, at }) => personOf(device) === to && at < now);
      const wasTakenAway = message.deleted.some(({ device, at }) => personOf(device) === to && at < now);
      const isHad =
        message.displayed.some(({ device, at }) => personOf(device) === to && at < now) ||
        message.listed.some(({ device, at }) => personOf(device) === to && at <= now);
      for (const { entry, life } of linesOn(message, rest.screens)) {
        const { state, kind } = entry;
        if (state === undefined || life.enrolled.person === to || kind !== 'text') continue;
        const isUntrue =
          (state === 'read' && read.length === 0 && !wasTakenAway) ||
          ((state === 'delivered' || state === 'read') && !isHad) ||
          (state !== 'queued' && message.queued.length > 0 && message.accepted.length === 0);
        const isLate = !hasLosses && state !== 'read' && read.some((act) => mustBeKnown(index, act, rest));
        if (isUntrue || isLate)
          report('tick_untrue', now, { ...message.ref, device: life.enrolled.device, state });
      }
    }
  }
}

/** All devices of a person that have the whole history show the same. */
function devicesAgree(index: LedgerIndex, report: Report): void {
  for (const { settled, screens } of index.rests) {
    for (const own of screensByPerson(screens)) {
      const whole = own.filter(({ life }) => isWhole(index, life, settled.at));
      const [first, ...others] = whole.map((screen) => describe(index, screen));
      if (first === undefined) continue;
      for (const other of others) {
        for (const name of new Set([...first.facts.keys(), ...other.facts.keys()])) {
          const [here, there] = [first.facts.get(name), other.facts.get(name)];
          if (here === there) continue;
          // A conversation in which nothing is left is not in a history, and with it stands whether its person was compared.
          if (name.startsWith('safety ') && (here === undefined || there === undefined)) continue;
          const values = { here: here ?? 'nothing', there: there ?? 'nothing' };
          const about: Finding['about'] = {
            what: name,
            device: first.device,
            other: other.device,
            ...values,
          };
          report('devices_differ', settled.at, about);
        }
      }
    }
  }
}

/** A screen as facts that can be compared one by one. */
function describe(index: LedgerIndex, { life, standing }: Screen) {
  const facts = new Map<string, string>();
  const hidden = new Set(
    index.messages
      .filter(({ deleted }) => deleted.some(({ scope }) => scope === 'here'))
      .map(({ ref }) => `${ref.from} ${ref.messageId}`),
  );
  for (const { with: person, settings, safety, entries } of standing.conversations) {
    if (settings !== '') facts.set(`settings ${person}`, settings);
    if (safety !== '') facts.set(`safety ${person}`, safety);
    for (const { from, messageId, kind, isUnread, state } of entries) {
      const name = `${from} ${messageId}`;
      if (!hidden.has(name))
        facts.set(`message ${name}`, `${kind} ${isUnread ? 'unread' : 'read'} ${state ?? ''}`);
    }
  }
  return { device: life.enrolled.device, facts };
}

/** Notices that nobody gets of honest devices and an honest server, whatever breaks. */
const ALARMS: ReadonlySet<string> = new Set([
  'refused',
  'messages_replayed',
  'messages_reordered',
  'undecryptable',
  'list_mismatch',
  'identity_problem',
  'not_accepted',
  'recipient_unknown',
]);

/** Nobody is alarmed for nothing; a copy that was put back is told to its person, and what becomes of their devices. */
function peopleAreTold(index: LedgerIndex, report: Report): void {
  const told = index.of('told');
  const isTold = (of: Omit<Extract<LedgerEvent, { kind: 'told' }>, 'kind'>, from: number, to: number) =>
    told.some(
      ({ device, notice, about, at }) =>
        device === of.device && notice === of.notice && about === of.about && at > from && at < to,
    );
  for (const { device, notice, at } of told) {
    const wasRestored = index.of('restored').some((event) => event.device === device && event.at < at);
    if (notice === 'undecryptable' && hasLostWithRestore(index, device, at)) continue;
    if (ALARMS.has(notice) || (notice === 'profile_restored' && !wasRestored))
      report('alarm_without_cause', at, { device, notice });
  }
  for (const { settled, screens } of index.rests) {
    const now = settled.at;
    for (const { life } of screens) {
      const { device, person } = life.enrolled;
      for (const { copy, at } of index
        .of('restored')
        .filter((event) => event.device === device && event.at < now)) {
        // Of a copy whose device the server has not seen since it was made, nothing was forgotten and nobody can know.
        const copiedAt = index.of('copied').findLast((event) => event.copy === copy && event.at < at)?.at;
        const wasSeen = index
          .of('served')
          .some((event) => event.device === device && event.at > (copiedAt ?? -1) && event.at < at);
        if (wasSeen && !isTold({ device, notice: 'profile_restored' }, at, now))
          report('restore_untold', now, { device });
      }
      for (const other of index.devices.values()) {
        if (other === life || other.enrolled.person !== person || other.enrolled.at > now) continue;
        const about = other.enrolled.device;
        const wasTold = isTold({ device, notice: 'device_linked', about }, -1, now);
        const wasLinked = other.linkingAt < other.enrolled.at;
        const mustHear = wasLinked && other.linkingAt > life.enrolled.at && other.revokedAt > now;
        if (mustHear && !wasTold) report('change_of_devices_untold', now, { device, about });
        const knewIt = wasTold || other.enrolled.at < life.linkingAt;
        const isGone = other.revokedAt < now && other.revokedAt > life.enrolled.at;
        if (knewIt && isGone && !isTold({ device, notice: 'device_revoked', about }, -1, now))
          report('change_of_devices_untold', now, { device, about });
      }
    }
  }
}

/** All rules on devices in step. */
export const IN_STEP_RULES = [
  deletedStaysDeleted,
  readStaysRead,
  ticksAreTrue,
  devicesAgree,
  peopleAreTold,
] as const;
