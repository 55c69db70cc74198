/**
 * Capabilities: who holds one may move the bytes of one attachment in one direction, as one device, for some hours; `new` is for one that goes up
 * in one request and was not there before. Nothing is kept of them:
 * version u8 | direction u8 | expiry u48 ms | tenant 17 | device 17 | attachment 17 | HMAC-SHA256(tenant's key, label ‖ all before) 32, as
 * base64url. A revoked device's capabilities end with it, because whoever takes one asks for the device too.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  type AttachmentId,
  type DeviceId,
  ID_BYTES,
  idFromBytes,
  idToBytes,
  KuvertError,
  LABELS,
  type TenantId,
} from '@kuvert/protocol';
import type { Clock, Random } from '../../clock.ts';
import type { Store } from '../../store/index.ts';
import { attachmentKeys } from './collections.ts';
import { CAPABILITY_MS } from './limits.ts';

/** What a capability allows. */
export interface Capability {
  readonly direction: 'up' | 'down' | 'new';
  readonly tenantId: TenantId;
  readonly deviceId: DeviceId;
  readonly attachment: AttachmentId;
}

const VERSION = 1;
const DIRECTIONS = ['up', 'down', 'new'] as const;
const IDS_AT = 8;
const MAC_AT = IDS_AT + 3 * ID_BYTES;
const BYTES = MAC_AT + 32;

/** @see the top of this file */
export interface Capabilities {
  make(capability: Capability): Promise<string>;
  /** @throws KuvertError `capability_invalid` for one that was not made here, or whose time is over */
  read(text: string): Promise<Capability>;
}

/** @see Capabilities */
export function createCapabilities(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly isTenant: (tenantId: TenantId) => Promise<boolean>;
}): Capabilities {
  const { store, clock, random, isTenant } = deps;
  const keys = new Map<TenantId, Uint8Array>();

  async function keyOf(tenantId: TenantId): Promise<Uint8Array> {
    const known = keys.get(tenantId);
    if (known !== undefined) return known;
    const fresh = random(32);
    const key = await store.tenant(tenantId).write(async (tx) => {
      const present = await tx.find(attachmentKeys, 'capabilities');
      if (present === undefined) tx.insert(attachmentKeys, { name: 'capabilities', key: fresh });
      return present?.key ?? fresh;
    });
    keys.set(tenantId, key);
    return key;
  }

  return {
    async make({ direction, tenantId, deviceId, attachment }) {
      const bytes = new Uint8Array(BYTES);
      bytes.set([VERSION, DIRECTIONS.indexOf(direction)]);
      const until = clock.nowMs() + CAPABILITY_MS;
      const view = new DataView(bytes.buffer);
      view.setUint16(2, Math.floor(until / 2 ** 32));
      view.setUint32(4, until % 2 ** 32);
      bytes.set(idToBytes(tenantId), IDS_AT);
      bytes.set(idToBytes(deviceId), IDS_AT + ID_BYTES);
      bytes.set(idToBytes(attachment), IDS_AT + 2 * ID_BYTES);
      bytes.set(macOf(await keyOf(tenantId), bytes), MAC_AT);
      return Buffer.from(bytes).toString('base64url');
    },

    async read(text) {
      const bytes = Buffer.from(text, 'base64url');
      const direction = DIRECTIONS[bytes[1] ?? 255];
      if (bytes.length !== BYTES || bytes[0] !== VERSION || direction === undefined) throw refused();
      const idAt = (at: number) => bytes.subarray(IDS_AT + at * ID_BYTES, IDS_AT + (at + 1) * ID_BYTES);
      let named: Capability;
      try {
        const tenantId = idFromBytes('tenant', idAt(0));
        named = {
          direction,
          tenantId,
          deviceId: idFromBytes('device', idAt(1)),
          attachment: idFromBytes('attachment', idAt(2)),
        };
        if (!keys.has(tenantId) && !(await isTenant(tenantId))) throw refused();
      } catch {
        throw refused();
      }
      const isOurs = timingSafeEqual(macOf(await keyOf(named.tenantId), bytes), bytes.subarray(MAC_AT));
      const until = bytes.readUIntBE(2, 6);
      if (!isOurs || until <= clock.nowMs()) throw refused();
      return named;
    },
  };
}

function macOf(key: Uint8Array, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key)
    .update(LABELS.attachmentCapability)
    .update(bytes.subarray(0, MAC_AT))
    .digest();
}

function refused(): KuvertError {
  return new KuvertError('capability_invalid');
}
