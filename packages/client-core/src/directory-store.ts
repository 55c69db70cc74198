/** The part of the port that keeps people, their verified keys, and the device lists seen so far. */
import type { PinnedAccount } from '@kuvert/crypto/identity';
import type { DeviceId, DeviceList, ListedDevice, Person, PersonId, RequestId } from '@kuvert/protocol';

/** A person whose keys were verified, with the list as of the highest version seen. */
export interface KnownAccount {
  readonly personId: PersonId;
  readonly pin: PinnedAccount;
  readonly list: DeviceList;
  /** Listed devices to which the server delivers nothing: not ready yet, or revoked by an administrator. */
  readonly inactive: readonly DeviceId[];
}

/** A device that its person has taken out. */
export interface FormerDevice {
  readonly personId: PersonId;
  readonly entry: ListedDevice;
  /** When the first list without it was signed, by the clock of the server as its signer knew it. */
  readonly removedAtMs: number;
}

/** People and their verified keys. */
export interface DirectoryStore {
  putPerson(person: Person): void;
  findPersonByMail(mail: string): Person | undefined;
  getPerson(personId: PersonId): Person | undefined;
  listPeople(): Person[];
  /** Devices that the list known so far holds and this one does not are kept as former ones, with the time at which it was signed. */
  putAccount(account: KnownAccount): void;
  getAccount(personId: PersonId): KnownAccount | undefined;
  /** What is pinned of a person, without the list: for what is done with every message. */
  getPin(personId: PersonId): PinnedAccount | undefined;
  /** Whose device this is, by the lists seen so far. */
  findOwner(device: DeviceId): PersonId | undefined;
  /** One of which only now is known that its person had it; nothing happens to one that is somebody else's. */
  putFormer(former: FormerDevice): void;
  /** A device that a verified list held and a later one does not. */
  findFormer(device: DeviceId): FormerDevice | undefined;
  /** The request id of a take that may still be repeated, so that no prekeys are used up twice. */
  getTake(personId: PersonId): { readonly requestId: RequestId; readonly atMs: number } | undefined;
  putTake(personId: PersonId, requestId: RequestId, atMs: number): void;
  deleteTake(personId: PersonId): void;
}
