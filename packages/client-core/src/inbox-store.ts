/** The part of the port that keeps what has arrived: messages, what could not be opened, and which legs were seen. `receiver.ts` fills it. */
import type { ChainId, ContentId, ConversationId, DeviceId, PersonId, SubmitClass } from '@kuvert/protocol';

type Bytes = Uint8Array<ArrayBuffer>;

/** A message that arrived. */
export interface StoredMessage {
  readonly conversationId: ConversationId;
  readonly senderDevice: DeviceId;
  readonly senderPerson: PersonId;
  readonly contentId: ContentId;
  /** Clamped to what the server saw. */
  readonly sentAtMs: number;
  /** What the sender's clock said. */
  readonly writtenAtMs: number;
  readonly acceptedAtMs: number;
  /** `change`: an edit, a reaction or a vote, which is no entry of its own. */
  readonly kind: 'text' | 'content' | 'too-new' | 'change';
  /** UTF-8 of a plain text; of all else the bytes as they were sent. */
  readonly content: Bytes;
  readonly chain: { readonly id: ChainId; readonly seq: number } | undefined;
  /** How long after it was read it disappears. */
  readonly timerMs: number | undefined;
  /** The text as it was last edited. */
  readonly edited?: Bytes | undefined;
  /** Another device of one's own has read it. */
  readonly isRead?: boolean;
}

/** What arrived, as the receiver and `inbox` see it; people see it as entries of conversations. */
export interface MessageStore {
  /** False when (sender device, content id) is there already. */
  add(message: StoredMessage & { readonly kind: Exclude<StoredMessage['kind'], 'change'> }): boolean;
  has(senderDevice: DeviceId, contentId: ContentId): boolean;
  find(senderDevice: DeviceId, contentId: ContentId): StoredMessage | undefined;
  listUnprinted(limit: number): StoredMessage[];
  markPrinted(senderDevice: DeviceId, contentId: ContentId): void;
  /** Content ids of a chain beyond `afterSeq`, in order. */
  listContentIdsBeyond(chain: ChainId, afterSeq: number, limit: number): ContentId[];
  /** Which numbers of a chain within these bounds are here all the same, as history. */
  listNumbers(chain: ChainId, bounds: { readonly from: number; readonly to: number }): number[];
  /** When the nearest messages before and after these numbers were accepted, as far as they are here. */
  acceptedAround(
    chain: ChainId,
    range: { readonly from: number; readonly to: number },
  ): { readonly beforeMs: number | undefined; readonly afterMs: number | undefined };
  /** People to whom an acknowledgement is due. */
  markAckDue(personId: PersonId): void;
  listAcksDue(): PersonId[];
  clearAckDue(personId: PersonId): void;
}

/** What could not be opened or was refused. */
export interface Quarantined {
  /** SHA-256 of the leg. */
  readonly legHash: Bytes;
  readonly leg: Bytes;
  readonly body: Bytes | undefined;
  readonly class: SubmitClass;
  readonly acceptedAtMs: number;
  readonly expiresAtMs: number;
  readonly senderDevice: DeviceId | undefined;
  readonly reason: string;
  readonly atMs: number;
  /** It was asked for again and has not come yet. */
  readonly isOpen: boolean;
}

/**
 * Which of the legs that were set aside have come in another way: the oldest, all, or the oldest that was accepted after a message was
 * written (by the server's clock) and set aside before that was sent again (by the own one).
 */
export type SettledLegs = 'oldest' | 'all' | { readonly writtenAtMs: number; readonly sentAgainAtMs: number };

/** What could not be opened, and how often it was asked for again. */
export interface RepairStore {
  /** Keeps it, dropping the oldest beyond a limit. */
  quarantine(entry: Quarantined): void;
  /** How often this very leg was asked for; 0 for one that never came. */
  countRequests(legHash: Bytes): number;
  addRequest(legHash: Bytes): void;
  /** Requests that went to a device since `sinceMs`. */
  countRequestsTo(device: DeviceId, sinceMs: number): number;
  /** How many legs of a device have not come again yet, of those set aside before a time. */
  countOpen(device: DeviceId, beforeMs: number): number;
  listOpenDevices(limit: number): DeviceId[];
  /** They have come in another way; false when there was none. */
  settleOpen(device: DeviceId, which: SettledLegs): boolean;
  /** What was set aside for a reason, oldest first. */
  listQuarantined(reason: string, limit: number): Quarantined[];
  release(legHash: Bytes): void;
}

/** When a leg was delivered last. */
export interface EarlierSighting {
  /** On which connection. */
  readonly visit: number;
  readonly atMs: number;
}

/** What is known of bytes that were taken for a replay, for whoever has to find out why they came again. */
export interface ReplayEvidence {
  /** SHA-256 of the leg, or of the body of a message to a group. */
  readonly legHash: Bytes;
  readonly from: DeviceId;
  readonly deliverySeq: number;
  readonly acceptedAtMs: number;
  /** The connection on which they came now; connections are counted from the first one of the device. */
  readonly visit: number;
  readonly before: EarlierSighting;
  /** The last connection on which the whole mailbox was delivered. */
  readonly drainedVisit: number;
}

/** Which legs were delivered, so that a redelivery is told apart from a replay (P3). */
export interface SightingStore {
  /** Undefined for one that never was. */
  find(legHash: Bytes): EarlierSighting | undefined;
  put(legHash: Bytes, sighting: EarlierSighting): void;
  forget(beforeMs: number): void;
}
