/** What an organisation can decide about receipts, typing, presence and keys. Signed policies will feed the port (wire.md §2). */

/** Before which keys a person is asked. `changed`: other keys than those that messages went to before. */
export const ASK_BEFORE_SENDING = ['never', 'changed', 'unverified'] as const;
export type AskBeforeSending = (typeof ASK_BEFORE_SENDING)[number];

/** What others may be shown. */
export type ShownFeature = 'deliveredReceipts' | 'readReceipts' | 'typing' | 'presence';

/** What the organisation has decided. What it does not name is left to the person. */
export interface Policy {
  /** Features that nobody may use. */
  readonly switchedOff?: ReadonlySet<ShownFeature>;
  /** At least this much is asked, whatever the person has set. */
  readonly askBeforeSending?: AskBeforeSending;
}

/** Gives the policy of this moment. */
export type PolicyPort = () => Policy;

/** Nothing is decided for people. */
export const NO_POLICY: PolicyPort = () => ({});
