/** A device's keys in the store: filling, taking, counting, removing. Always a part of somebody's transaction. */
import { verifyPrekeys } from '@kuvert/crypto/identity';
import {
  concatBytes,
  type DeviceId,
  equalBytes,
  KuvertError,
  type KyberPrekey,
  type OneTimePrekey,
  PREKEY_STOCK,
  type PrekeyBundle,
  type PrekeyCounts,
  type PrekeyUpload,
} from '@kuvert/protocol';
import type { Store, TenantScope, Tx } from '../../store/index.ts';
import { lastingPrekeys, oneTimePrekeys, PREKEY_KINDS, takenPrekeys } from './collections.ts';

type Kind = keyof typeof PREKEY_KINDS;

/** How long the id of a key that was given out is remembered: longer than any client repeats an upload. */
const TAKEN_MEMORY_MS = 30 * 86_400_000;
const EC_BYTES = 33;
const KYBER_BYTES = 1569;
const STOCK: Record<Kind, number> = { ec: PREKEY_STOCK.ec, kyber: PREKEY_STOCK.kyber };

/** An upload in which parts may be missing, as `prekeys.upload` takes it. */
export type PartialUpload = { readonly [K in keyof PrekeyUpload]?: PrekeyUpload[K] | undefined };

/** @see createPrekeyStock */
export type DevicePrekeys = ReturnType<typeof createPrekeyStock>;

/** Keys of devices. Knows nothing of who may take them. */
export function createPrekeyStock(store: Store) {
  const { ops } = store;

  const put = (tx: Tx<'tenant'>, deviceId: DeviceId, kind: Kind, prekey: OneTimePrekey | KyberPrekey) =>
    tx.apply(ops.insert(oneTimePrekeys, [deviceId, PREKEY_KINDS[kind], prekey.id], packKey(prekey)));

  /** Adds what is new, up to the stock. */
  async function add(
    tx: Tx<'tenant'>,
    deviceId: DeviceId,
    kind: Kind,
    prekeys: readonly (OneTimePrekey | KyberPrekey)[],
  ): Promise<number> {
    const { rows } = await tx.list(oneTimePrekeys, {
      equals: [deviceId, PREKEY_KINDS[kind]],
      limit: STOCK[kind],
    });
    const present = new Map(rows.map((row) => [row.key[2], row.value]));
    const taken = await Promise.all(
      prekeys.map((prekey) => tx.find(takenPrekeys, deviceId, PREKEY_KINDS[kind], prekey.id)),
    );
    let count = rows.length;
    prekeys.forEach((prekey, i) => {
      const other = present.get(prekey.id);
      if (other !== undefined && !equalBytes(other, packKey(prekey)))
        throw new KuvertError('prekeys_invalid');
      if (other !== undefined || taken[i] !== undefined || count >= STOCK[kind]) return;
      put(tx, deviceId, kind, prekey);
      count++;
    });
    return count;
  }

  /** Takes the oldest key of a kind, if there is one. */
  async function takeOne(
    tx: Tx<'tenant'>,
    deviceId: DeviceId,
    kind: Kind,
    nowMs: number,
  ): Promise<{ id: number; value: Uint8Array } | undefined> {
    const { rows } = await tx.list(oneTimePrekeys, { equals: [deviceId, PREKEY_KINDS[kind]], limit: 1 });
    const row = rows[0];
    if (row === undefined) return undefined;
    tx.delete(oneTimePrekeys, ...row.key);
    tx.apply(ops.put(takenPrekeys, row.key, new Uint8Array(0), nowMs + TAKEN_MEMORY_MS));
    return { id: row.key[2], value: row.value };
  }

  /** The one-time keys of a device. */
  async function voidOneTime(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<void> {
    const limit = PREKEY_STOCK.ec + PREKEY_STOCK.kyber;
    const { rows } = await tx.list(oneTimePrekeys, { equals: [deviceId], limit });
    for (const row of rows) tx.delete(oneTimePrekeys, ...row.key);
  }

  async function countKind(scope: TenantScope, deviceId: DeviceId, kind: Kind): Promise<number> {
    const equals = [deviceId, PREKEY_KINDS[kind]] as const;
    return scope.count(oneTimePrekeys, { equals, limit: STOCK[kind] });
  }

  return {
    /** @throws KuvertError `prekeys_invalid` */
    verify(identityKey: Uint8Array<ArrayBuffer>, upload: PartialUpload): void {
      verifyPrekeys(identityKey, upload);
    },

    /** The first keys of a device, at its enrolment. */
    store(tx: Tx<'tenant'>, deviceId: DeviceId, upload: PrekeyUpload): void {
      tx.insert(lastingPrekeys, { deviceId, signed: upload.signed, lastResort: upload.lastResort });
      for (const prekey of upload.oneTime) put(tx, deviceId, 'ec', prekey);
      for (const prekey of upload.kyber) put(tx, deviceId, 'kyber', prekey);
    },

    /**
     * Adds one-time keys up to the stock, replaces the lasting ones that are given. Ids that are there already or were given out
     * are left alone. @throws KuvertError `prekeys_invalid` for an id that is there with another key
     */
    async refill(tx: Tx<'tenant'>, deviceId: DeviceId, upload: PartialUpload): Promise<PrekeyCounts> {
      if (upload.signed || upload.lastResort) {
        const row = await tx.get(lastingPrekeys, deviceId);
        tx.put(lastingPrekeys, {
          deviceId,
          signed: upload.signed ?? row.signed,
          lastResort: upload.lastResort ?? row.lastResort,
        });
      }
      return {
        ec: await add(tx, deviceId, 'ec', upload.oneTime ?? []),
        kyber: await add(tx, deviceId, 'kyber', upload.kyber ?? []),
      };
    },

    /** True when the device has brought its first keys. */
    async has(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<boolean> {
      return (await tx.find(lastingPrekeys, deviceId)) !== undefined;
    },

    /** One bundle of a device; its one-time keys are gone with the commit. */
    async take(tx: Tx<'tenant'>, deviceId: DeviceId, nowMs: number): Promise<PrekeyBundle> {
      const lasting = await tx.get(lastingPrekeys, deviceId);
      const ec = await takeOne(tx, deviceId, 'ec', nowMs);
      const kyber = await takeOne(tx, deviceId, 'kyber', nowMs);
      return {
        device: deviceId,
        signed: lasting.signed,
        ...(ec && { oneTime: { id: ec.id, publicKey: Uint8Array.from(ec.value.subarray(0, EC_BYTES)) } }),
        kyber: kyber ? unpackKyber(kyber.id, kyber.value) : lasting.lastResort,
        kyberIsLastResort: kyber === undefined,
      };
    },

    voidOneTime,

    /** All keys of a device, when it is revoked. */
    async remove(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<void> {
      tx.delete(lastingPrekeys, deviceId);
      await voidOneTime(tx, deviceId);
    },

    /** How many one-time keys are left. */
    async count(scope: TenantScope, deviceId: DeviceId): Promise<PrekeyCounts> {
      const [ec, kyber] = await Promise.all([
        countKind(scope, deviceId, 'ec'),
        countKind(scope, deviceId, 'kyber'),
      ]);
      return { ec, kyber };
    },
  };
}

function packKey(prekey: OneTimePrekey | KyberPrekey): Uint8Array {
  return 'signature' in prekey ? concatBytes(prekey.publicKey, prekey.signature) : prekey.publicKey;
}

function unpackKyber(id: number, value: Uint8Array): KyberPrekey {
  return {
    id,
    publicKey: Uint8Array.from(value.subarray(0, KYBER_BYTES)),
    signature: Uint8Array.from(value.subarray(KYBER_BYTES)),
  };
}
