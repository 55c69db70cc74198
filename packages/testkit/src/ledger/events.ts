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

/** One line of the ledger. Ids are text; times are Unix milliseconds. */
export type LedgerEvent =
  /** A device came to be, for a person of a tenant. */
  | {
      readonly kind: 'enrolled';
      readonly tenant: string;
      readonly person: string;
      readonly device: string;
    }
  /** A device is about to be told to send; `intent` is the ledger's own name for that. */
  | {
      readonly kind: 'intended';
      readonly intent: string;
      readonly from: string;
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
  /** Nothing is left to do for these devices: mailboxes drained, outboxes empty. */
  | { readonly kind: 'settled'; readonly drained: readonly string[]; readonly flushed: readonly string[] };

/** A kind of event. */
export type LedgerEventKind = LedgerEvent['kind'];

/** An event of one kind. */
export type EventOf<K extends LedgerEventKind> = Extract<LedgerEvent, { kind: K }>;
