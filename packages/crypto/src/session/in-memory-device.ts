/** A device with its records in memory, for the tests of this folder: commits writes all at once, or never. */
import { randomBytes } from 'node:crypto';
import {
  type DeviceId,
  type ListedDevice,
  makeId,
  type PrekeyBundle,
  SUITES,
  type TenantId,
} from '@kuvert/protocol';
import { createDeviceKeys } from './device-keys.ts';
import { FIRST_PREKEY_COUNTERS, makePrekeys } from './prekeys.ts';
import type {
  KyberPrekeyRow,
  LastResortUse,
  OneTimePrekeyRow,
  SessionRecords,
  SessionWrites,
  SignedPrekeyRow,
} from './records.ts';
import { type OwnDevice, SessionCipher } from './session-cipher.ts';

/** The time that tests begin at. */
export const START_MS = Date.UTC(2026, 0, 1);

/** {@link SessionRecords} over maps. */
export class MemoryRecords implements SessionRecords {
  readonly sessions = new Map<DeviceId, Uint8Array<ArrayBuffer>>();
  readonly oneTime = new Map<number, OneTimePrekeyRow>();
  readonly signed = new Map<number, SignedPrekeyRow>();
  readonly kyber = new Map<number, KyberPrekeyRow>();
  readonly uses = new Set<string>();

  loadSession(device: DeviceId): Uint8Array<ArrayBuffer> | undefined {
    return this.sessions.get(device);
  }
  loadOneTimePrekey(id: number): OneTimePrekeyRow | undefined {
    return this.oneTime.get(id);
  }
  loadSignedPrekey(id: number): SignedPrekeyRow | undefined {
    return this.signed.get(id);
  }
  loadKyberPrekey(id: number): KyberPrekeyRow | undefined {
    return this.kyber.get(id);
  }
  hasLastResortUse(use: LastResortUse): boolean {
    return this.uses.has(keyOf(use));
  }

  /** A copy that what is staged can be tried on. */
  clone(): MemoryRecords {
    const copy = new MemoryRecords();
    for (const [device, record] of this.sessions) copy.sessions.set(device, record);
    for (const [id, row] of this.oneTime) copy.oneTime.set(id, row);
    for (const [id, row] of this.signed) copy.signed.set(id, row);
    for (const [id, row] of this.kyber) copy.kyber.set(id, row);
    for (const use of this.uses) copy.uses.add(use);
    return copy;
  }

  commit(writes: SessionWrites): void {
    for (const { device, record } of writes.sessions) this.sessions.set(device, record);
    for (const id of writes.usedOneTimePrekeys) this.oneTime.delete(id);
    for (const id of writes.usedKyberPrekeys) this.kyber.delete(id);
    for (const use of writes.lastResortUses) this.uses.add(keyOf(use));
  }
}

/** A device, what a server would hold of its prekeys, and how others see it. */
export interface MemoryDevice {
  readonly id: DeviceId;
  readonly listed: ListedDevice;
  readonly own: OwnDevice;
  readonly records: MemoryRecords;
  readonly cipher: SessionCipher;
  /** Takes a bundle as the server would: one-time keys once each, then the last-resort key. */
  takeBundle(): PrekeyBundle;
}

/** Makes a device with `oneTime` one-time keys of each kind left on its server. */
export function makeDevice(tenantId: TenantId, oneTime = 100): MemoryDevice {
  const keys = createDeviceKeys();
  const id = makeId('device', randomBytes(16));
  const made = makePrekeys({
    identityPrivateKey: keys.identityPrivateKey,
    counters: FIRST_PREKEY_COUNTERS,
    nowMs: START_MS,
  });
  const records = new MemoryRecords();
  for (const row of made.rows.oneTime) records.oneTime.set(row.id, row);
  for (const row of made.rows.signed) records.signed.set(row.id, row);
  for (const row of made.rows.kyber) records.kyber.set(row.id, row);
  const own: OwnDevice = {
    tenantId,
    deviceId: id,
    identityPrivateKey: keys.identityPrivateKey,
    registrationId: keys.registrationId,
  };
  const ecLeft = made.upload.oneTime.slice(0, oneTime);
  const kyberLeft = made.upload.kyber.slice(0, oneTime);
  return {
    id,
    records,
    listed: {
      device: id,
      identityKey: keys.identityKey,
      noiseStatic: new Uint8Array(32),
      receiptKey: keys.receiptKey.publicKey,
      registrationId: keys.registrationId,
      suites: [SUITES.signalPairwise],
      role: 'signer',
      addedAt: START_MS,
    },
    own,
    cipher: new SessionCipher(own, records),
    takeBundle() {
      const first = ecLeft.shift();
      const kyber = kyberLeft.shift();
      return {
        device: id,
        signed: made.upload.signed,
        ...(first === undefined ? {} : { oneTime: first }),
        kyber: kyber ?? made.upload.lastResort,
        kyberIsLastResort: kyber === undefined,
      };
    },
  };
}

function keyOf(use: LastResortUse): string {
  return `${use.kyberId}/${use.signedId}/${Buffer.from(use.baseKey).toString('hex')}`;
}
