/** What the checker may find. */

/** A kind of fault. The letter and number in front name the promise (design.md §2). */
export type FindingCode =
  | 'P1_lost'
  | 'P1_outbox_lost'
  | 'P1_accepted_before_commit'
  | 'P1_delivered_untrue'
  | 'P1_expired_too_early'
  | 'P1_expired_without_tombstone'
  | 'P1_ack_of_nothing'
  | 'P2_shown_twice'
  | 'P2_reordered'
  | 'P2_answer_changed'
  | 'P2_id_reused'
  | 'P3_gap_unnoticed'
  | 'P3_noticed_nothing'
  | 'P4_crossed_tenants'
  | 'P4_wrong_person'
  | 'text_altered'
  | 'never_submitted'
  | 'prekey_given_twice'
  | 'prekey_never_published'
  | 'revoked_device_served'
  | 'revoked_device_reached'
  | 'ratchet_rolled_back';

/** One fault. `at` is the position in the ledger of the event that shows it. */
export interface Finding {
  readonly code: FindingCode;
  readonly at: number;
  /** Ids and numbers that name the fault. */
  readonly about: Readonly<Record<string, string | number>>;
}

/** How a rule tells what it found. */
export type Report = (code: FindingCode, at: number, about: Finding['about']) => void;
