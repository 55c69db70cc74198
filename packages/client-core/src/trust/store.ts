/** The part of the store port that holds what a person thinks of other people's keys. */
import type { PersonId } from '@kuvert/protocol';

type Bytes = Uint8Array<ArrayBuffer>;

/** What is remembered of a person's account key. */
export interface TrustRow {
  /** The key that was compared, and when. */
  readonly verifiedKey: Bytes | undefined;
  readonly verifiedAtMs: number | undefined;
  /** The key that the person has accepted without comparing. */
  readonly acceptedKey: Bytes | undefined;
  /** The key that took the place of another one. */
  readonly changedKey: Bytes | undefined;
}

/** What the person has made of somebody's keys, with its place among what other devices of theirs have told. */
export interface TrustChoice extends Omit<TrustRow, 'changedKey'> {
  readonly personId: PersonId;
  readonly stampMs: number;
}

/** Trust in people's account keys. */
export interface TrustStore {
  get(personId: PersonId): TrustRow;
  /** An older choice than the present one changes nothing. */
  choose(choice: TrustChoice): void;
  listChoices(): TrustChoice[];
  setChanged(personId: PersonId, key: Bytes): void;
}
