/** Enrolled devices as the load client needs them, in a file between the processes of a run. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { DeviceId, PersonId, TenantId } from '@kuvert/protocol';

/** One enrolled device with the private half of its channel key. */
export interface Account {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
  /** Hash of the device list in which it is alone, 32 bytes. */
  readonly listHash: Uint8Array;
  readonly noisePublic: Uint8Array;
  readonly noisePrivate: Uint8Array;
  /** Private half of the device's signing key: it signs the log of a group. */
  readonly signingPrivate: Uint8Array;
}

/** Consecutive accounts: `count` of them from number `first` on. */
export interface AccountRange {
  readonly first: number;
  readonly count: number;
}

type Stored = { [K in keyof Account]: string };

const BYTE_FIELDS = ['listHash', 'noisePublic', 'noisePrivate', 'signingPrivate'] as const;

/** Writes accounts for {@link readAccounts}. The file goes with the run's folder. */
export function writeAccounts(file: string, accounts: readonly Account[]): void {
  const stored = accounts.map((account) => ({
    ...account,
    ...Object.fromEntries(
      BYTE_FIELDS.map((field) => [field, Buffer.from(account[field]).toString('base64')]),
    ),
  }));
  writeFileSync(file, JSON.stringify(stored), { mode: 0o600 });
}

/** Reads what {@link writeAccounts} wrote. */
export function readAccounts(file: string): Account[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as Stored[]).map((stored) => ({
    tenantId: stored.tenantId as TenantId,
    personId: stored.personId as PersonId,
    deviceId: stored.deviceId as DeviceId,
    listHash: Uint8Array.from(Buffer.from(stored.listHash, 'base64')),
    noisePublic: Uint8Array.from(Buffer.from(stored.noisePublic, 'base64')),
    noisePrivate: Uint8Array.from(Buffer.from(stored.noisePrivate, 'base64')),
    signingPrivate: Uint8Array.from(Buffer.from(stored.signingPrivate, 'base64')),
  }));
}
