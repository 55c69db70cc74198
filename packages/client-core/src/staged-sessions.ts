import {
  type OwnDevice as CipherDevice,
  type KyberPrekeyRow,
  type LastResortUse,
  type OneTimePrekeyRow,
  type SenderKeyRecords,
  type SenderKeyRow,
  SessionCipher,
  type SessionRecords,
  type SessionWrites,
  type SignedPrekeyRow,
} from '@kuvert/crypto/session';
import type { DeviceId } from '@kuvert/protocol';

/**
 * Ratchet state on top of the store for a batch of operations that are committed together: each sees what those before
 * it have written, and the store sees nothing until {@link StagedSessions.writes} is applied.
 */
export class StagedSessions implements SessionRecords, SenderKeyRecords {
  /** Operations on this state. */
  readonly cipher: SessionCipher;
  readonly #records: SessionRecords;
  readonly #keys: SenderKeyRecords;
  readonly #sessions = new Map<DeviceId, Uint8Array<ArrayBuffer>>();
  readonly #oneTime = new Set<number>();
  readonly #kyber = new Set<number>();
  readonly #uses = new Map<string, LastResortUse>();

  readonly #senderKeys = new Map<string, SenderKeyRow>();

  constructor(own: CipherDevice, records: SessionRecords, senderKeys: SenderKeyRecords) {
    this.#records = records;
    this.#keys = senderKeys;
    this.cipher = new SessionCipher(own, this);
  }

  /** Takes over what an operation wants written. */
  absorb(writes: SessionWrites): void {
    for (const { device, record } of writes.sessions) this.#sessions.set(device, record);
    for (const id of writes.usedOneTimePrekeys) this.#oneTime.add(id);
    for (const id of writes.usedKyberPrekeys) this.#kyber.add(id);
    for (const use of writes.lastResortUses) this.#uses.set(useKey(use), use);
  }

  /** The same for sender keys. */
  absorbSenderKeys(rows: readonly SenderKeyRow[]): void {
    for (const row of rows) this.#senderKeys.set(`${row.device}/${row.distribution}`, row);
  }

  /** All sender keys that have changed, for the same transaction. */
  senderKeyWrites(): SenderKeyRow[] {
    return [...this.#senderKeys.values()];
  }

  /** All of it, for one transaction. */
  writes(): SessionWrites {
    return {
      sessions: [...this.#sessions].map(([device, record]) => ({ device, record })),
      usedOneTimePrekeys: [...this.#oneTime],
      usedKyberPrekeys: [...this.#kyber],
      lastResortUses: [...this.#uses.values()],
    };
  }

  loadSenderKey(device: DeviceId, distribution: string): Uint8Array<ArrayBuffer> | undefined {
    const staged = this.#senderKeys.get(`${device}/${distribution}`)?.record;
    return staged ?? this.#keys.loadSenderKey(device, distribution);
  }
  loadSession(device: DeviceId): Uint8Array<ArrayBuffer> | undefined {
    return this.#sessions.get(device) ?? this.#records.loadSession(device);
  }
  loadOneTimePrekey(id: number): OneTimePrekeyRow | undefined {
    return this.#oneTime.has(id) ? undefined : this.#records.loadOneTimePrekey(id);
  }
  loadSignedPrekey(id: number): SignedPrekeyRow | undefined {
    return this.#records.loadSignedPrekey(id);
  }
  loadKyberPrekey(id: number): KyberPrekeyRow | undefined {
    return this.#kyber.has(id) ? undefined : this.#records.loadKyberPrekey(id);
  }
  hasLastResortUse(use: LastResortUse): boolean {
    return this.#uses.has(useKey(use)) || this.#records.hasLastResortUse(use);
  }
}

function useKey(use: LastResortUse): string {
  return `${use.kyberId}/${use.signedId}/${use.baseKey.join('.')}`;
}
