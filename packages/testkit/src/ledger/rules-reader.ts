/** P2 to P4 as readers see them: once, in order, unaltered, nothing missing in silence, nothing of others. */
import type { Report } from './finding.ts';
import {
  type At,
  type DeviceLife,
  isForgotten,
  type LedgerIndex,
  type MessageLife,
  wasGivenUp,
} from './ledger-index.ts';
import { LOSSES } from './rules-devices.ts';

/** A reader sees a message once on each device, and again only on one that has forgotten it. */
function shownOnce(index: LedgerIndex, report: Report): void {
  for (const message of index.messages) {
    const seen = new Map<string, number>();
    for (const { device, at } of message.displayed) {
      const before = seen.get(device);
      const life = index.devices.get(device);
      const isNews = before === undefined || (life && isForgotten(life, before, at));
      if (!isNews) report('P2_shown_twice', at, { ...message.ref, device });
      seen.set(device, at);
    }
  }
}

interface Shown {
  readonly message: MessageLife;
  readonly shown: At<'displayed'>;
}

/** What a device showed of one sending device, in order. */
interface Reading {
  readonly from: string;
  readonly device: string;
  readonly all: Shown[];
}

function readings(index: LedgerIndex): readonly Reading[] {
  const lives = new Map(index.messages.map((life) => [`${life.ref.from} ${life.ref.messageId}`, life]));
  const readings = new Map<string, Reading>();
  for (const shown of index.of('displayed')) {
    const message = lives.get(`${shown.from} ${shown.messageId}`);
    const key = `${shown.from} ${shown.device}`;
    if (!message?.intended) continue;
    const { from, device } = shown;
    const reading = readings.get(key) ?? { from, device, all: [] };
    readings.set(key, reading);
    reading.all.push({ message, shown });
  }
  return [...readings.values()];
}

/**
 * Each sending device is read in its order. One sending is before another when its outcome was known before the other was
 * intended; sendings that overlapped may come in any order. What was under way to a device when a copy was put back on it may have to be sent to
 * it again and is new there later; in its conversation it stands where it belongs (`rules-devices.ts`). What was given up is told as missing, and is
 * as new as what is written today when its sender sends it again.
 */
function orderKept(index: LedgerIndex, report: Report): void {
  for (const { from, device, all } of readings(index)) {
    const restoredAt = [from, device]
      .flatMap((name) => index.devices.get(name)?.forgotten ?? [])
      .map(({ to }) => to);
    const repairedAt = Math.max(
      -1,
      ...restoredAt.map((at) => index.of('settled').find((rest) => rest.at > at)?.at ?? Infinity),
    );
    let latestIntention = -1;
    for (const { message, shown } of all) {
      if ((message.intended?.at ?? 0) < repairedAt || wasGivenUp(message, shown.at)) continue;
      const writtenDown = message.queued[0]?.at;
      if (writtenDown !== undefined && latestIntention > writtenDown) {
        report('P2_reordered', shown.at, { ...message.ref, device: shown.device });
      }
      latestIntention = Math.max(latestIntention, message.intended?.at ?? -1);
    }
  }
}

/** A repeated submit is answered the same; two sendings never share an id. */
function idsAndAnswers(index: LedgerIndex, report: Report): void {
  for (const { ref, accepted, queued } of index.messages) {
    const [first, ...repeated] = accepted;
    for (const { at, acceptedAtMs, expiresAtMs } of repeated) {
      if (acceptedAtMs !== first?.acceptedAtMs || expiresAtMs !== first?.expiresAtMs)
        report('P2_answer_changed', at, { ...ref });
    }
    for (const { at, intent } of queued) {
      if (intent !== queued[0]?.intent) report('P2_id_reused', at, { ...ref });
    }
  }
}

/** A copy of before was put back on the sender's device, and nobody else ever had it: it took no number that a reader could miss. */
function neverLeft(
  index: LedgerIndex,
  { ref, accepted, displayed }: MessageLife,
  { writtenDown, now }: { writtenDown: number; now: number },
): boolean {
  const sender = index.devices.get(ref.from);
  if (sender === undefined || accepted.length > 0 || displayed.length > 0) return false;
  return isForgotten(sender, writtenDown, now);
}

/** How many messages of `from` a device lacks at a moment, of those that were written down before `before`. */
function missingAt(
  index: LedgerIndex,
  parties: { from: string; device: string },
  before: number,
  now: number,
) {
  return index.messages.filter((message) => {
    const isTheirs =
      message.ref.from === parties.from &&
      index.addressed(message).some(({ enrolled }) => enrolled.device === parties.device);
    const writtenDown = message.queued[0]?.at ?? message.intended?.at ?? Infinity;
    const isShown = [...message.displayed, ...message.listed].some(
      ({ device, at }) => device === parties.device && at < now,
    );
    const isExpired = message.expired.some(({ device, at }) => device === parties.device && at < now);
    const isMissing =
      isTheirs && writtenDown < before && !isShown && !isExpired && message.deleted.length === 0;
    return isMissing && !neverLeft(index, message, { writtenDown, now });
  }).length;
}

/** How many deletions for everybody a device may not have heard of: each has taken a number, and is lost as messages are. */
function lostWords(index: LedgerIndex, from: string, { enrolled, forgotten }: DeviceLife): number {
  const { device, person } = enrolled;
  const isTold = index.of('told').some((told) => told.device === device && LOSSES.has(told.notice));
  if (!isTold && forgotten.length === 0) return 0;
  return index.messages
    .filter((message) => index.isFor(message, person))
    .flatMap(({ deleted }) => deleted)
    .filter((act) => act.device === from && act.scope === 'everywhere').length;
}

/** A device that shows a later message and never an earlier one says that something is missing; and only then. */
function gapsNoticed(index: LedgerIndex, report: Report): void {
  const settled = index.of('settled').at(-1);
  for (const { from, device, all } of readings(index)) {
    if (!settled?.drained.includes(device)) continue;
    const lastIntention = Math.max(...all.map(({ message }) => message.intended?.at ?? -1));
    const missing = missingAt(index, { from, device }, lastIntention, settled.at);
    const noticed = index
      .of('noticed')
      .filter((notice) => notice.device === device && notice.from === from)
      .reduce((sum, { count }) => sum + count, 0);
    if (noticed < missing) report('P3_gap_unnoticed', settled.at, { from, device, missing, noticed });
  }
  for (const { at, device, from, count } of index.of('noticed')) {
    const missing = missingAt(index, { from, device }, at, at);
    // What has expired is missing too, and may be told or not.
    const expired = index.messages.filter(
      (message) =>
        message.ref.from === from &&
        message.expired.some((event) => event.device === device && event.at < at),
    ).length;
    // So is what a copy that was put back has taken away.
    const life = index.devices.get(device);
    const forgotten = index.messages.filter(
      (message) =>
        message.ref.from === from &&
        message.displayed.some((event) => event.device === device && life && isForgotten(life, event.at, at)),
    ).length;
    const words = life === undefined ? 0 : lostWords(index, from, life);
    if (count > missing + expired + forgotten + words)
      report('P3_noticed_nothing', at, { from, device, missing, noticed: count });
  }
}

/** Nothing is shown, stored or acknowledged outside of its tenant or for somebody whom it was not addressed to. */
function staysWithin(index: LedgerIndex, report: Report): void {
  for (const message of index.messages) {
    const sender = index.devices.get(message.ref.from)?.enrolled;
    for (const { device, at } of [
      ...message.displayed,
      ...message.committed,
      ...message.acked,
      ...message.expired,
    ]) {
      const reader = index.devices.get(device)?.enrolled;
      if (!sender) continue;
      if (!reader) {
        report('P4_wrong_person', at, { ...message.ref, device });
        continue;
      }
      if (reader.tenant !== sender.tenant) report('P4_crossed_tenants', at, { ...message.ref, device });
      else if (message.intended && !index.isFor(message, reader.person)) {
        report('P4_wrong_person', at, { ...message.ref, device });
      }
    }
  }
}

/** A device is one person's, in one tenant, for ever. */
function devicesStay(index: LedgerIndex, report: Report): void {
  for (const { device, tenant, person, at } of index.of('enrolled')) {
    const first = index.of('enrolled').find((event) => event.device === device);
    if (first?.tenant !== tenant) report('P4_crossed_tenants', at, { device });
    else if (first.person !== person) report('P4_wrong_person', at, { device });
  }
}

/** What is shown is what somebody wrote. */
function unaltered(index: LedgerIndex, report: Report): void {
  for (const message of index.messages) {
    for (const { at, device, text } of message.displayed) {
      if (!message.intended) report('never_submitted', at, { ...message.ref, device });
      else if (text !== message.intended.text) report('text_altered', at, { ...message.ref, device });
    }
  }
}

/** All rules on what devices show. */
export const READER_RULES = [
  shownOnce,
  orderKept,
  idsAndAnswers,
  gapsNoticed,
  staysWithin,
  devicesStay,
  unaltered,
] as const;
