/**
 * Keeping one's own devices in step (A4): settings, what was read, what was deleted for oneself, and copies of what was sent. Settings and
 * reading are marked as due where they change and told together a moment later, so that a draft is not told letter by letter. Whatever
 * is told may be told again and in any order: settings are registers of the last writer, reading and deleting only ever grow.
 */
import { decodeContent, isShown, type KnownContent, type PersonId, READER_VERSION } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { DelayedBatch } from '../delayed-batch.ts';
import { RESENT } from '../groups/repairs.ts';
import { hasOtherDevices, queueForOwnDevices } from '../own-lane.ts';
import type { OutboxRow } from '../store.ts';
import { forgetMessage } from './amending.ts';
import { startTimers } from './disappearing.ts';
import { conversationOf } from './known.ts';
import { sentCopyId } from './outgoing.ts';
import { takeDueReading, takeReading } from './reading.ts';
import { takeSetting } from './settings.ts';
import type { EntryKind } from './store.ts';

type OwnState = Extract<KnownContent, { kind: 'own-state' }>;

/** Company that changes wait for. */
const DELAY_MS = 1_000;
/** Bytes of settings after which the next content begins. */
const SETTINGS_BYTES_MAX = 200_000;
const SETTINGS_MAX = 256;
const REMOVED_MAX = 256;
const ROWS = 500;
/** Contents that are queued at once. */
const CONTENTS_MAX = 64;

/** Queues what is due. True when there was any. Runs in the operation queue. */
function queueOwnState(context: Context): boolean {
  const { store } = context;
  if (!hasOtherDevices(context)) return false;
  return store.transaction(() => {
    for (let count = 0; count < CONTENTS_MAX; count++) {
      const settings = store.ownState.takeDueSettings(SETTINGS_MAX, SETTINGS_BYTES_MAX);
      const removed = store.ownState.takeRemoved(REMOVED_MAX);
      const read = takeDueReading(context);
      if (settings.length === 0 && removed.length === 0 && read === undefined) return count > 0;
      queueForOwnDevices(context, {
        content: {
          kind: 'own-state',
          minReader: READER_VERSION,
          ...(settings.length > 0 && {
            settings: settings.map(({ personId, name, value, stampMs, device }) => ({
              person: personId,
              name,
              value,
              stamp: stampMs,
              device,
            })),
          }),
          ...(removed.length > 0 && { removed }),
          ...(read && { read: [read] }),
        },
      });
    }
    return true;
  });
}

/** Takes what another device of one's own tells. Has to run in a transaction. */
export function takeOwnState(context: Context, told: OwnState): void {
  const { store, changes } = context;
  for (const { person, name, value, stamp: stampMs, device } of told.settings ?? []) {
    takeSetting(context, { conversationId: conversationOf(context, person), name, value, stampMs, device });
  }
  for (const state of told.read ?? []) takeReading(context, state);
  for (const { contentId, device } of told.removed ?? []) {
    store.ownState.addRemoved(contentId, device, { isDue: false });
    const [row] = store.entries.find(contentId, device);
    if (row === undefined) store.entries.addEarlyDeletion(contentId, device);
    else {
      forgetMessage(context, row, 'removed');
      changes.entriesOf(row.conversationId);
    }
  }
}

/**
 * Messages that the server has accepted, however that became known: their time runs from now on, and other devices of one's own get a copy.
 * Has to run in a transaction.
 */
export function takeAccepted(context: Context): void {
  const { store, own } = context;
  const hasOthers = hasOtherDevices(context);
  for (
    let rows = store.outbox.takeNewlyAccepted(ROWS);
    rows.length > 0;
    rows = store.outbox.takeNewlyAccepted(ROWS)
  ) {
    for (const row of rows) {
      const { toPerson, toGroup, acceptedAtMs, contentId } = row;
      if (acceptedAtMs === undefined) continue;
      if (row.kind === 'sent') forgetCopyOfGone(context, row);
      // One's own devices get what is for a group like everybody else.
      const isMessage = toGroup !== undefined || (toPerson !== undefined && toPerson !== own.personId);
      if (row.kind === RESENT || !isMessage) continue;
      const entries = store.entries.find(contentId, own.deviceId);
      startTimers(context, entries, acceptedAtMs);
      if (hasOthers && toPerson !== undefined) queueSentCopy(context, row, toPerson, acceptedAtMs);
      // It was deleted here while it was on its way.
      if (entries.some(isGone) && isForPeople(row.content)) store.outbox.forgetContent(contentId);
    }
  }
}

const isGone = ({ kind }: { kind: EntryKind }): boolean => kind === 'removed' || kind === 'deleted';

/** Not what changes or deletes messages, which never stands in a conversation. */
function isForPeople(content: Uint8Array): boolean {
  const decoded = decodeContent(content);
  return isShown(decoded);
}

/** The message of this copy was deleted, or has disappeared, while the copy was on its way. */
function forgetCopyOfGone({ store, own }: Context, row: OutboxRow): void {
  const copy = decodeContent(row.content);
  if (copy.kind !== 'sent' || !isForPeople(copy.content)) return;
  if (store.entries.find(copy.contentId, own.deviceId).some(isGone)) {
    store.outbox.forgetContent(row.contentId);
  }
}

function queueSentCopy(context: Context, row: OutboxRow, to: PersonId, acceptedAtMs: number): void {
  queueForOwnDevices(context, {
    class: row.class,
    contentId: sentCopyId(row.contentId),
    content: {
      kind: 'sent',
      minReader: READER_VERSION,
      to,
      contentId: row.contentId,
      sentAt: row.sentAtMs,
      acceptedAt: acceptedAtMs,
      ...(row.chain && { chain: { chain: row.chain.id, seq: row.chain.seq } }),
      content: row.content,
    },
  });
}

/** Tells what is due, a moment after the first of it. */
export function ownStateBatch(context: Context, onOutgoing: () => void): DelayedBatch {
  return new DelayedBatch(context, {
    delayMs: () => DELAY_MS,
    hasAny: () => true,
    queue: () => queueOwnState(context),
    onOutgoing,
  });
}
