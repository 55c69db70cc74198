/** What the checker may find. */

/** A kind of fault. The letter and number in front name the promise (design.md §2). */
export type FindingCode =
  | 'P1_lost'
  | 'P1_outbox_lost'
  | 'P1_accepted_before_commit'
  | 'P1_delivered_untrue'
  | 'P1_expired_too_early'
  | 'P1_expired_without_tombstone'
  | 'P1_expired_untrue'
  | 'P1_shown_before_commit'
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
  | 'ratchet_rolled_back'
  | 'ratchet_used_twice'
  | 'revoked_device_showed'
  | 'device_showed_the_past'
  | 'device_lacks_message'
  | 'device_lists_twice'
  | 'device_lists_unknown'
  | 'device_reordered'
  | 'deletion_undone'
  | 'deleted_by_nobody'
  | 'read_state_lost'
  | 'read_by_nobody'
  | 'tick_untrue'
  | 'devices_differ'
  | 'restore_untold'
  | 'change_of_devices_untold'
  | 'alarm_without_cause';

/** One fault. `at` is the position in the ledger of the event that shows it. */
export interface Finding {
  readonly code: FindingCode;
  readonly at: number;
  /** Ids and numbers that name the fault. */
  readonly about: Readonly<Record<string, string | number>>;
}

/** How a rule tells what it found. */
export type Report = (code: FindingCode, at: number, about: Finding['about']) => void;
