/**
 * libsignal's stores for the length of one operation: reads come from {@link SessionRecords}, writes are kept
 * aside and handed out only when the operation has succeeded. Trust is decided by the peer's verified list
 * entry alone, so libsignal's own trust on first use never happens.
 */
import { type DeviceId, equalBytes, idToBytes, type ListedDevice } from '@kuvert/protocol';
import {
  IdentityChange,
  IdentityKeyStore,
  KyberPreKeyRecord,
  KyberPreKeyStore,
  PreKeyRecord,
  PreKeyStore,
  type PrivateKey,
  ProtocolAddress,
  PublicKey,
  SessionRecord,
  SessionStore,
  SignedPreKeyRecord,
  SignedPreKeyStore,
} from '@signalapp/libsignal-client';
import type { LastResortUse, SessionRecords, SessionWrites } from './records.ts';

/** How libsignal sees a device: the 16 id bytes as UUID, device number 1 (wire.md §1). */
export function addressOf(device: DeviceId): ProtocolAddress {
  const hex = Buffer.from(idToBytes(device).subarray(1)).toString('hex');
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return ProtocolAddress.new(uuid, 1);
}

/** The stores of one operation with one peer. */
export class StagedStores {
  readonly sessions: SessionStore;
  readonly identities: IdentityKeyStore;
  readonly oneTimePrekeys: PreKeyStore;
  readonly signedPrekeys: SignedPreKeyStore;
  readonly kyberPrekeys: KyberPreKeyStore;

  readonly #writes: {
    session: { device: DeviceId; record: Uint8Array<ArrayBuffer> } | undefined;
    usedOneTimePrekeys: number[];
    usedKyberPrekeys: number[];
    lastResortUses: LastResortUse[];
  } = { session: undefined, usedOneTimePrekeys: [], usedKyberPrekeys: [], lastResortUses: [] };

  constructor(options: {
    readonly records: SessionRecords;
    readonly identityKey: PrivateKey;
    readonly registrationId: number;
    readonly peer: ListedDevice;
  }) {
    const { records, identityKey, registrationId, peer } = options;
    const writes = this.#writes;
    this.sessions = new StagedSessions(records, peer.device, writes);
    this.identities = new ListedIdentities(identityKey, registrationId, peer);
    this.oneTimePrekeys = new StagedPrekeys(records, writes.usedOneTimePrekeys);
    this.signedPrekeys = new ReadSignedPrekeys(records);
    this.kyberPrekeys = new StagedKyberPrekeys(records, writes);
  }

  /** What the operation wants written. */
  writes(): SessionWrites {
    const { session, ...others } = this.#writes;
    return { sessions: session === undefined ? [] : [session], ...others };
  }
}

interface SessionSlot {
  session: { device: DeviceId; record: Uint8Array<ArrayBuffer> } | undefined;
}

class StagedSessions extends SessionStore {
  readonly #records: SessionRecords;
  readonly #device: DeviceId;
  readonly #slot: SessionSlot;
  readonly #address: string;

  constructor(records: SessionRecords, device: DeviceId, slot: SessionSlot) {
    super();
    this.#records = records;
    this.#device = device;
    this.#slot = slot;
    this.#address = addressOf(device).toString();
  }

  async saveSession(address: ProtocolAddress, record: SessionRecord): Promise<void> {
    this.#requirePeer(address);
    this.#slot.session = { device: this.#device, record: record.serialize() };
  }

  async getSession(address: ProtocolAddress): Promise<SessionRecord | null> {
    this.#requirePeer(address);
    const bytes = this.#slot.session?.record ?? this.#records.loadSession(this.#device);
    return bytes === undefined ? null : SessionRecord.deserialize(bytes);
  }

  async getExistingSessions(): Promise<SessionRecord[]> {
    throw new Error('only the multi-recipient format asks for this, and it is not used');
  }

  #requirePeer(address: ProtocolAddress): void {
    if (address.toString() !== this.#address) throw new Error('a session with another device than the peer');
  }
}

class ListedIdentities extends IdentityKeyStore {
  readonly #identityKey: PrivateKey;
  readonly #registrationId: number;
  readonly #address: string;
  readonly #listedKey: Uint8Array<ArrayBuffer>;

  constructor(identityKey: PrivateKey, registrationId: number, peer: ListedDevice) {
    super();
    this.#identityKey = identityKey;
    this.#registrationId = registrationId;
    this.#address = addressOf(peer.device).toString();
    this.#listedKey = peer.identityKey;
  }

  async getIdentityKey(): Promise<PrivateKey> {
    return this.#identityKey;
  }

  async getLocalRegistrationId(): Promise<number> {
    return this.#registrationId;
  }

  async saveIdentity(): Promise<IdentityChange> {
    return IdentityChange.NewOrUnchanged;
  }

  async isTrustedIdentity(address: ProtocolAddress, key: PublicKey): Promise<boolean> {
    return address.toString() === this.#address && equalBytes(key.serialize(), this.#listedKey);
  }

  async getIdentity(address: ProtocolAddress): Promise<PublicKey | null> {
    return address.toString() === this.#address ? PublicKey.deserialize(this.#listedKey) : null;
  }
}

class StagedPrekeys extends PreKeyStore {
  readonly #records: SessionRecords;
  readonly #used: number[];

  constructor(records: SessionRecords, used: number[]) {
    super();
    this.#records = records;
    this.#used = used;
  }

  async savePreKey(): Promise<void> {
    throw new Error('prekeys are made elsewhere');
  }

  async getPreKey(id: number): Promise<PreKeyRecord> {
    const row = this.#records.loadOneTimePrekey(id);
    if (row === undefined) throw new Error('a one-time prekey that is not there');
    return PreKeyRecord.deserialize(row.record);
  }

  async removePreKey(id: number): Promise<void> {
    this.#used.push(id);
  }
}

class ReadSignedPrekeys extends SignedPreKeyStore {
  readonly #records: SessionRecords;

  constructor(records: SessionRecords) {
    super();
    this.#records = records;
  }

  async saveSignedPreKey(): Promise<void> {
    throw new Error('prekeys are made elsewhere');
  }

  async getSignedPreKey(id: number): Promise<SignedPreKeyRecord> {
    const row = this.#records.loadSignedPrekey(id);
    if (row === undefined) throw new Error('a signed prekey that is not there');
    return SignedPreKeyRecord.deserialize(row.record);
  }
}

class StagedKyberPrekeys extends KyberPreKeyStore {
  readonly #records: SessionRecords;
  readonly #writes: { usedKyberPrekeys: number[]; lastResortUses: LastResortUse[] };

  constructor(
    records: SessionRecords,
    writes: { usedKyberPrekeys: number[]; lastResortUses: LastResortUse[] },
  ) {
    super();
    this.#records = records;
    this.#writes = writes;
  }

  async saveKyberPreKey(): Promise<void> {
    throw new Error('prekeys are made elsewhere');
  }

  async getKyberPreKey(id: number): Promise<KyberPreKeyRecord> {
    const row = this.#records.loadKyberPrekey(id);
    if (row === undefined) throw new Error('a Kyber prekey that is not there');
    return KyberPreKeyRecord.deserialize(row.record);
  }

  /**
   * A one-time key is deleted. The last-resort key stays, so the same opener could start the same session
   * twice; the three values that name it are kept and a repeat is refused (facts/protocol.md §1).
   */
  async markKyberPreKeyUsed(kyberId: number, signedId: number, baseKey: PublicKey): Promise<void> {
    if (this.#records.loadKyberPrekey(kyberId)?.lastResort !== true) {
      this.#writes.usedKyberPrekeys.push(kyberId);
      return;
    }
    const use: LastResortUse = { kyberId, signedId, baseKey: baseKey.serialize() };
    if (this.#records.hasLastResortUse(use)) throw new Error('a repeated use of the last-resort key');
    this.#writes.lastResortUses.push(use);
  }
}
