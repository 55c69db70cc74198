import type { ChainId, ContentId, ConversationId, DeviceId, PersonId, TenantId } from '@kuvert/protocol';

/** Where a message stands in its sender's chain (wire.md §4). */
export interface ChainEntry {
  readonly id: ChainId;
  /** 1, 2, 3 … within the chain. */
  readonly seq: number;
  /** The link up to the message before: the chain's start link in seq 1. 32 bytes. */
  readonly link: Uint8Array<ArrayBuffer>;
}

/** Version and hash of a device list. */
export interface ListHead {
  readonly version: number;
  readonly hash: Uint8Array<ArrayBuffer>;
}

/** What the sender says of a message, sealed with it and covered by the commitment. */
export interface FrameHeader {
  readonly v: 1;
  readonly tenant: TenantId;
  readonly conversation: ConversationId;
  readonly senderPerson: PersonId;
  readonly senderDevice: DeviceId;
  readonly contentId: ContentId;
  /** Kind of the content in the body, e.g. `text`; 1 to 64 characters. */
  readonly kind: string;
  readonly sentAtMs: number;
  /** How long after `sentAtMs` the message may be kept undelivered. */
  readonly lifetimeMs: number;
  /** Absent in ephemeral and control messages. */
  readonly chain?: ChainEntry;
  readonly lists: { readonly own: ListHead; readonly peer: ListHead };
  readonly policyHash?: Uint8Array<ArrayBuffer>;
  readonly refs?: readonly ContentId[];
  readonly attachments?: readonly Uint8Array<ArrayBuffer>[];
}

export interface BuiltFrame {
  /** Padded to 160·2ⁿ bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** C, 32 bytes. */
  readonly commitment: Uint8Array<ArrayBuffer>;
}

export interface ParsedFrame {
  readonly frankingKey: Uint8Array<ArrayBuffer>;
  readonly header: FrameHeader;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly commitment: Uint8Array<ArrayBuffer>;
}

export declare function buildFrame(parts: {
  /** 32 random bytes. */
  readonly frankingKey: Uint8Array;
  readonly header: FrameHeader;
  readonly body: Uint8Array;
}): BuiltFrame;
export declare function parseFrame(bytes: Uint8Array): ParsedFrame;
/** HMAC-SHA256(k_f, label ‖ u32 length of header ‖ header ‖ body). */
export declare function commitmentOf(
  frankingKey: Uint8Array,
  headerBytes: Uint8Array,
  body: Uint8Array,
): Uint8Array<ArrayBuffer>;
export declare function conversationIdFor(
  tenant: TenantId,
  personA: PersonId,
  personB: PersonId,
): ConversationId;
