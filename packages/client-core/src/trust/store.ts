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

/** Trust in people's account keys. */
export interface TrustStore {
  get(personId: PersonId): TrustRow;
  setVerified(personId: PersonId, key: Bytes | undefined, atMs: number): void;
  setAccepted(personId: PersonId, key: Bytes): void;
  setChanged(personId: PersonId, key: Bytes): void;
}
