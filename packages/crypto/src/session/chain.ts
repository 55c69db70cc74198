import type { ChainId, ConversationId, DeviceId } from '@kuvert/protocol';
import type { ChainEntry } from './frame.ts';

/** The sender's end of a chain: number and link of the last message sent; `seq` 0 before the first. */
export interface ChainHead {
  readonly id: ChainId;
  readonly seq: number;
  readonly link: Uint8Array<ArrayBuffer>;
}

/** Numbers `from` to `to`, both included. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/** What a recipient keeps of a sender's chain; plain data that `encodeCbor` takes. */
export interface ChainState {
  readonly id: ChainId;
  /** Highest number without a gap below it (gaps given up aside), and the link after it. */
  readonly seq: number;
  readonly link: Uint8Array<ArrayBuffer>;
  /** Messages beyond a gap, in order. */
  readonly ahead: readonly {
    readonly seq: number;
    readonly before: Uint8Array<ArrayBuffer>;
    readonly after: Uint8Array<ArrayBuffer>;
  }[];
  /** Gaps below `seq` that were given up. */
  readonly lost: readonly SeqRange[];
}

export type ChainFinding = 'ok' | 'gap' | 'reordered' | 'forked';

export interface ChainCheck {
  readonly finding: ChainFinding;
  /** The state to keep; unchanged when `forked`. */
  readonly state: ChainState;
  /** All numbers that are missing now, in order. */
  readonly missing: readonly SeqRange[];
}

export declare function startChain(options: {
  readonly id: ChainId;
  readonly conversation: ConversationId;
  readonly senderDevice: DeviceId;
}): ChainHead;
/** The header entry of the next message. */
export declare function nextChainEntry(head: ChainHead): ChainEntry;
/** The head after the next message, whose commitment is `commitment`. */
export declare function advanceChain(head: ChainHead, commitment: Uint8Array): ChainHead;
export declare function nextLink(previousLink: Uint8Array, commitment: Uint8Array): Uint8Array<ArrayBuffer>;
/** The recipient's state of a chain of which nothing has arrived. */
export declare function followChain(head: ChainHead): ChainState;
export declare function checkChain(state: ChainState, entry: ChainEntry, commitment: Uint8Array): ChainCheck;
/** Compares with a head that the sender told (heartbeat). */
export declare function checkChainHead(state: ChainState, head: ChainHead): ChainCheck;
