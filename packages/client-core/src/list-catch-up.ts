/**
 * The server was put back from a backup: it holds an older list of one's own devices than has been seen, and everybody who has seen the newer
 * one sends nothing, as they must. A signer leads out: it signs further versions, from the server's on to one beyond what anybody can have
 * pinned. Each follows the one before it, so the server takes them; those who have pinned a version in between see a larger jump under the
 * account key that they know. Devices that were linked since the backup are unknown to the server and have to be linked again.
 */
import { listHash, signDeviceList, signSuccession, verifyAccount } from '@kuvert/crypto/identity';
import { type AccountRecord, type DeviceList, equalBytes, KuvertError } from '@kuvert/protocol';
import { accountPrivateKey, privateHalfOf } from './account-keys.ts';
import type { Context } from './context.ts';
import type { Connection } from './ports.ts';

/** More versions than this are not made up for: the server takes no more in a row. */
const VERSIONS_MAX = 40;

/**
 * Publishes what brings the server beyond the pinned version.
 * @param record what the server holds
 * @returns false when this device cannot: it may not sign, or does not have the key that the server knows
 * @throws KuvertError as `devices.publish`; `identity_not_trusted` for a record that is not the tenant's
 */
export async function catchUpList(
  context: Context,
  connection: Connection,
  record: AccountRecord,
): Promise<boolean> {
  const { own, store, clock, serverOffset } = context;
  const { tenantId, personId, root } = own;
  const known = store.directory.getAccount(personId);
  const key = accountPrivateKey(context);
  const behind = verifyAccount(record, { tenantId, root, personId });
  if (known === undefined || key === undefined) return false;
  const present = Uint8Array.from(known.pin.accountKey);
  const last = known.pin.version + 2;
  if (last - behind.list.version > VERSIONS_MAX) return false;
  const isOtherKey = !equalBytes(behind.accountKey, present);
  const before = isOtherKey ? privateHalfOf(context, behind.accountKey) : undefined;
  if (isOtherKey && before === undefined) return false;
  const nowMs = clock.now() + serverOffset.ms;
  const isKnownThere = new Set(behind.list.devices.map(({ device }) => device));
  const devices = known.list.devices.filter(({ device }) => isKnownThere.has(device));
  if (!devices.some(({ device }) => device === own.deviceId)) throw new KuvertError('device_not_accepted');
  let previous = { version: behind.list.version, hash: behind.listHash };
  while (previous.version < last) {
    const list: DeviceList = {
      ...known.list,
      version: previous.version + 1,
      prevHash: Uint8Array.from(previous.hash),
      accountKey: present,
      issuedAt: nowMs,
      devices,
    };
    const deviceList = signDeviceList(key, list);
    const isFirst = previous.version === behind.list.version;
    const from = behind.accountKey;
    await connection.request('devices.publish', {
      deviceList,
      ...(isFirst &&
        before && {
          succession: {
            accountKey: present,
            statement: signSuccession(before, { tenantId, personId, from, to: present, nowMs }),
          },
        }),
    });
    previous = { version: list.version, hash: listHash(deviceList) };
  }
  return true;
}
