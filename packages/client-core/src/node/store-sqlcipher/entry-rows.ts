/** Rows of the table `entry`, read. */
import {
  type ChainId,
  type ContentId,
  type ConversationId,
  type DeviceId,
  decodeCbor,
  type ErrorCode,
  type PersonId,
} from '@kuvert/protocol';
import type { EntryKind, EntryRow, ListedEntry, SystemRow } from '../../conversations/store.ts';
import type { EntryId } from '../../conversations/types.ts';
import type { Notice } from '../../types.ts';
import { bytes, bytesOrNone, number, numberOrNone, type Row, text, textOrNone } from './rows.ts';

/** `direction` of a notice. */
export const NOTICE = 2;
/** Entries that can have one millisecond. */
export const IDS_PER_MS = 2_048;
/** Times beyond would not fit into an exact number. */
export const AT_MAX_MS = 2 ** 42 - 1;

/** The first number of a time; those of earlier times are below. */
export function idsFrom(atMs: number): EntryId {
  return Math.min(Math.max(0, Math.floor(atMs)), AT_MAX_MS + 1) * IDS_PER_MS;
}
/** Above all numbers. */
export const ENTRY_ID_MAX: EntryId = Number.MAX_SAFE_INTEGER;

/** The columns of a message; the row may hold more. */
export function entryOf(row: Row): EntryRow {
  const chain = textOrNone<ChainId>(row, 'chain');
  return {
    entryId: number(row, 'id'),
    conversationId: text<ConversationId>(row, 'conversation'),
    direction: number(row, 'direction') === 0 ? 'in' : 'out',
    kind: text<EntryKind>(row, 'kind'),
    contentId: text<ContentId>(row, 'content_id'),
    senderDevice: text<DeviceId>(row, 'sender_device'),
    senderPerson: text<PersonId>(row, 'sender_person'),
    content: bytes(row, 'content'),
    edited: bytesOrNone(row, 'edited'),
    atMs: number(row, 'at'),
    writtenAtMs: number(row, 'written_at'),
    acceptedAtMs: numberOrNone(row, 'accepted_at'),
    chain: chain && { id: chain, seq: number(row, 'chain_seq') },
    isUnread: number(row, 'unread') === 1,
    isPrinted: row.unprinted === null,
    timerMs: numberOrNone(row, 'timer'),
    expiresAtMs: numberOrNone(row, 'expires_at'),
    isDelivered: number(row, 'delivered') === 1,
  };
}

function systemOf(row: Row): SystemRow {
  return {
    entryId: number(row, 'id'),
    conversationId: text<ConversationId>(row, 'conversation'),
    direction: 'system',
    atMs: number(row, 'at'),
    key: text(row, 'content_id'),
    notice: decodeCbor(bytes(row, 'content')) as unknown as Omit<Notice, 'noticeId'>,
  };
}

/** A row with the columns of the outbox beside it. */
export function listedOf(row: Row): ListedEntry {
  if (number(row, 'direction') === NOTICE) return systemOf(row);
  if (row.sent_seq === null) return { ...entryOf(row), outgoing: undefined };
  const chain = textOrNone<ChainId>(row, 'sent_chain');
  const outgoing = {
    acceptedAtMs: numberOrNone(row, 'sent_accepted_at'),
    chain: chain && { id: chain, seq: number(row, 'sent_chain_seq') },
    problem: textOrNone<ErrorCode>(row, 'sent_problem'),
  };
  return { ...entryOf(row), outgoing };
}
