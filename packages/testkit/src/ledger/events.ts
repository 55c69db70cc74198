/**
 * The ledger: what clients were asked to send, what they were told, what they showed, and what an observer saw inside the
 * server. {@link checkLedger} decides from it alone whether promises P1 to P4 (design.md §2) were kept.
 *
 * Order is evidence: whoever records an act records its intention before the act and its outcome after it, so that the order of
 * the ledger is one in which everything may have happened. What a kill cut short has an intention and no outcome; it may have
 * taken place or not.
 */

/** A message, as readers know it (wire.md §4): the sender's device and the id that it chose. */
export interface MessageRef {
  readonly from: string;
  readonly messageId: string;
}

/** A message on a device's screen. `text` is empty for one that was deleted. `state`: how far one of its person's own has come. */
export interface StandingEntry extends MessageRef {
  readonly kind: 'text' | 'deleted';
  readonly text: string;
  readonly isUnread: boolean;
  readonly state?: 'queued' | 'accepted' | 'delivered' | 'read';
}

/** A conversation on a device's screen, from top to bottom. */
export interface StandingConversation {
  readonly with: string;
  /** Pin, mute and draft as text, to be compared between devices. */
  readonly settings: string;
  /** The safety number, and what the person has made of it. */
  readonly safety: string;
  readonly entries: readonly StandingEntry[];
}

/** One line of the ledger. Ids are text; times are Unix milliseconds. */
export type LedgerEvent =
  /**
   * A further device is about to be put into its person's list. What is accepted from here to its `enrolled` may reach it or not; what was
   * accepted before reaches it as history only.
   */
  | { readonly kind: 'linking'; readonly person: string; readonly device: string }
  /** A device came to be, for a person of a tenant; with one that was linked, it is ready to be written to. */
  | {
      readonly kind: 'enrolled';
      readonly tenant: string;
      readonly person: string;
      readonly device: string;
    }
  /** A group came to be: what is sent to it is for every device of these people but the one that sends. */
  | { readonly kind: 'group'; readonly group: string; readonly people: readonly string[] }
  /** A device is about to be told to send; `intent` is the ledger's own name for that. */
  | {
      readonly kind: 'intended';
      readonly intent: string;
      readonly from: string;
      /** A person or a group. */
      readonly to: string;
      readonly text: string;
    }
  /** The client said: written down, survives a kill. */
  | ({ readonly kind: 'queued'; readonly intent: string } & MessageRef)
  /** An observer in the server saw the envelope for `device` become durable. Rules on it hold only for messages that have one. */
  | ({ readonly kind: 'committed'; readonly device: string } & MessageRef)
  /** The sender was told that the server stored it; a repeated submit is told again. Times where the recorder knows them. */
  | ({
      readonly kind: 'accepted';
      readonly acceptedAtMs?: number;
      readonly expiresAtMs?: number;
    } & MessageRef)
  /** The sender was told that every device has it. */
  | ({ readonly kind: 'delivered' } & MessageRef)
  /** A device showed it to its person. */
  | ({ readonly kind: 'displayed'; readonly device: string; readonly text: string } & MessageRef)
  /** The server took an acknowledgement of `device` and forgot the envelope. */
  | ({ readonly kind: 'acked'; readonly device: string } & MessageRef)
  /** The server gave up delivering to `device`. */
  | ({
      readonly kind: 'expired';
      readonly device: string;
      readonly atMs: number;
      readonly tombstone: boolean;
      /** The mailbox was full of what nobody fetched: given up before its time. */
      readonly why?: 'dormant';
    } & MessageRef)
  /** A device told its person that `count` messages of another device are missing (P3). */
  | { readonly kind: 'noticed'; readonly device: string; readonly from: string; readonly count: number }
  | { readonly kind: 'prekey-published'; readonly device: string; readonly key: string }
  /** A one-time prekey was handed out; the repetition of one request (`request`) is the same hand-out. */
  | {
      readonly kind: 'prekey-taken';
      readonly device: string;
      readonly key: string;
      readonly request: string;
    }
  /** From here on the server may do nothing for the device. Recorded after the revocation was answered. */
  | { readonly kind: 'revoked'; readonly device: string }
  /** The server did something for a device: let it in, answered it, delivered to it. Recorded before the act was asked for. */
  | { readonly kind: 'served'; readonly device: string }
  /** A device's session with a peer stands at a step; it only ever grows. */
  | {
      readonly kind: 'ratchet-stepped';
      readonly device: string;
      readonly peer: string;
      readonly step: number;
    }
  /** A copy of a device's whole state was made. */
  | { readonly kind: 'copied'; readonly device: string; readonly copy: string }
  /** A device's state was replaced by a copy: what it did and showed since that was made is gone from it, and from it alone. */
  | { readonly kind: 'restored'; readonly device: string; readonly copy: string }
  /** A leg was accepted that is encrypted to `peer` at this place of the double ratchet; `bytes` tells one leg from another. */
  | {
      readonly kind: 'ratchet-used';
      readonly device: string;
      readonly peer: string;
      readonly place: string;
      readonly bytes: string;
    }
  /** A device told its person something that is not about missing messages; `about` is the device that it is about, where it is. */
  | { readonly kind: 'told'; readonly device: string; readonly notice: string; readonly about?: string }
  /** Somebody is about to read a message, or to delete it, on a device. */
  | ({ readonly kind: 'read'; readonly device: string } & MessageRef)
  | ({
      readonly kind: 'deleted';
      readonly device: string;
      readonly scope: 'here' | 'own-devices' | 'everywhere';
    } & MessageRef)
  /** A device has been given the whole history by another one of its person, for the first time. */
  | { readonly kind: 'history'; readonly device: string }
  /** What a device has on its screen, all of it. */
  | {
      readonly kind: 'standing';
      readonly device: string;
      readonly conversations: readonly StandingConversation[];
    }
  /** Nothing is left to do for these devices: mailboxes drained, outboxes empty. */
  | { readonly kind: 'settled'; readonly drained: readonly string[]; readonly flushed: readonly string[] };

/** A kind of event. */
export type LedgerEventKind = LedgerEvent['kind'];

/** An event of one kind. */
export type EventOf<K extends LedgerEventKind> = Extract<LedgerEvent, { kind: K }>;
