/**
 * Further devices of a person: new versions of the signed device list, and the sealed answers that devices which are being linked come for.
 * The server can neither make a list nor read an answer; it only sees to it that versions follow each other, that a removed device is out
 * at once, and that nothing is used twice.
 */
import { listHash, verifyNextList, verifySuccession } from '@kuvert/crypto/identity';
import {
  DEVICES_MAX,
  type DeviceId,
  DeviceList,
  decodeCbor,
  equalBytes,
  FORMER_LISTS_MAX,
  KEY_CHANGES_MAX,
  type KeyChange,
  KuvertError,
  LIFETIME_MS,
  LINK_LIFETIME_MS,
  type PersonId,
  type Signed,
} from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import { type RowOf, type Store, StoreError, type TenantScope } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { PoolService } from '../pools/index.ts';
import type { TenantService } from '../tenants/index.ts';
import {
  accounts,
  activeDevices,
  devices as deviceRows,
  deviceSets,
  deviceTenants,
  linkAnswers,
  linkTenants,
} from './collections.ts';
import type { DeviceService } from './service.ts';

/** New versions of the device list of one person. */
export const LIST_LIMIT = { burst: 60, perSecond: 1 / 60 } as const;

/** Nothing lies longer in a mailbox, so nobody asks any more for what an older list held. */
const FORMER_KEPT_MS = LIFETIME_MS[1];

/** An enrolled device that publishes a list. */
interface Publisher {
  readonly scope: TenantScope;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
}

/** What it publishes. */
interface Publication {
  readonly deviceList: Signed;
  readonly succession?:
    | { readonly accountKey: Uint8Array<ArrayBuffer>; readonly statement: Signed }
    | undefined;
  readonly link?: { readonly linkId: Uint8Array; readonly answer: Uint8Array<ArrayBuffer> } | undefined;
}

/** @see createLinking */
export interface Linking {
  /** @throws KuvertError `rate_limited`, `device_list_invalid`, `device_limit`, `devices_changed`, `link_used`, `device_not_accepted` */
  publish(caller: Publisher, publication: Publication): Promise<void>;
  /** What waits under a link id; undefined also for one that nobody has answered. */
  fetch(linkId: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** Publishes lists and hands out answers. */
export function createLinking(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly devices: DeviceService;
  readonly tenants: TenantService;
  readonly pools: Pick<PoolService, 'requireFeature'>;
  readonly audit: AuditRecords;
  /** {@link LIST_LIMIT} was reached. */
  readonly onLimit: () => void;
}): Linking {
  const { store, clock, devices, tenants, pools, audit, onLimit } = deps;
  const lists = new LeakyBuckets({ limit: LIST_LIMIT, clock, onClosed: onLimit });

  /** Takes the link id for this tenant. @throws KuvertError `link_used` when somebody of another tenant has answered it */
  async function claim(scope: TenantScope, linkId: string, expiresAt: number): Promise<void> {
    await store.operator().write(async (tx) => {
      const row = await tx.find(linkTenants, linkId);
      if (row !== undefined && row.tenantId !== scope.tenant) throw new KuvertError('link_used');
      tx.put(linkTenants, { linkId, tenantId: scope.tenant, expiresAt });
    });
  }

  /** Countersigns a new account key that the present one vouches for. @throws KuvertError `device_list_invalid` */
  async function succeed(
    scope: TenantScope,
    personId: PersonId,
    parts: {
      before: DeviceList;
      account: RowOf<typeof accounts>;
      succession: NonNullable<Publication['succession']>;
    },
  ): Promise<{ account: Signed; changes: KeyChange[] }> {
    const { before, account, succession } = parts;
    const { accountKey: to, statement } = succession;
    const from = before.accountKey;
    try {
      verifySuccession(statement, { tenantId: scope.tenant, personId, from, to });
    } catch (cause) {
      throw new KuvertError('device_list_invalid', { cause });
    }
    const certificate = await tenants.certifyNext(scope, { personId, kind: 'succession', from, to });
    const change = { certificate, succession: statement };
    return { account: certificate, changes: [...(account.changes ?? []), change].slice(-KEY_CHANGES_MAX) };
  }

  /** @returns the devices that are out, undefined when this very list is there already */
  async function commit(
    { scope, personId, deviceId }: Publisher,
    { deviceList, link, succession }: Publication,
  ): Promise<readonly DeviceId[] | undefined> {
    const nowMs = clock.nowMs();
    const expiresAt = nowMs + LINK_LIFETIME_MS;
    const hash = listHash(deviceList);
    return scope.write(async (tx) => {
      await devices.requireActive(tx, deviceId);
      const account = await tx.get(accounts, personId);
      if (equalBytes(account.listHash, hash)) return undefined;
      // The stored list was checked when it came.
      const before = DeviceList.parse(decodeCbor(account.deviceList.bytes));
      const next = versionOf(deviceList);
      if (next !== undefined && next !== before.version + 1) throw new KuvertError('devices_changed');
      const previous = { list: before, hash: account.listHash };
      const { list, added, removed } = verifyNextList(deviceList, previous, succession?.accountKey);
      const certified = succession && (await succeed(scope, personId, { before, account, succession }));
      const [entry, ...others] = added;
      if ((entry !== undefined) !== (link !== undefined) || others.length > 0) {
        throw new KuvertError('device_list_invalid');
      }
      if (list.devices.length > DEVICES_MAX) throw new KuvertError('device_limit');
      const formerLists = [
        ...(account.formerLists ?? []).filter(({ until }) => until > nowMs - FORMER_KEPT_MS),
        { list: account.deviceList, until: nowMs },
      ].slice(-FORMER_LISTS_MAX);
      const listVersion = list.version;
      tx.put(accounts, { ...account, ...certified, deviceList, listHash: hash, listVersion, formerLists });
      const { rows } = await tx.list(deviceSets, { equals: [personId] });
      for (const { key, value } of rows) {
        tx.delete(deviceSets, ...key);
        const left = value.devices.filter((device) => !removed.includes(device));
        tx.apply(store.ops.insert(deviceSets, [personId, key[1] + 1], { listHash: hash, devices: left }));
        await devices.setChanged(tx, personId, { listHash: hash, devices: left });
      }
      const gone: DeviceId[] = [];
      const after = { personId };
      for (const device of removed) {
        if ((await tx.get(deviceRows, device)).state === 'revoked') continue;
        await devices.retire(tx, device);
        gone.push(device);
        audit.inTenant(tx, scope.tenant, { action: 'device.revoked', object: device, after });
      }
      if (succession !== undefined)
        audit.inTenant(tx, scope.tenant, { action: 'account.renewed', object: personId });
      if (entry !== undefined && link !== undefined) {
        const isKnown = (await tx.find(deviceRows, entry.device)) !== undefined;
        const linkId = Buffer.from(link.linkId).toString('hex');
        if (isKnown || (await tx.find(linkAnswers, linkId)) !== undefined) throw new KuvertError('link_used');
        tx.insert(linkAnswers, { linkId, answer: link.answer, expiresAt });
        tx.insert(deviceRows, {
          deviceId: entry.device,
          personId,
          noiseStatic: entry.noiseStatic,
          identityKey: entry.identityKey,
          state: 'active',
          enrolledAt: nowMs,
          revokedAt: null,
          cleanup: null,
        });
        tx.apply(store.ops.insert(activeDevices, [entry.device], new Uint8Array(0)));
        audit.inTenant(tx, scope.tenant, { action: 'device.linked', object: entry.device, after });
      }
      return gone;
    });
  }

  return {
    async publish(caller, publication) {
      const { scope, personId } = caller;
      const { deviceList, link } = publication;
      const added = link && newestDevice(deviceList);
      lists.take(scope.tenant + personId);
      if (link !== undefined) {
        if (added === undefined) throw new KuvertError('device_list_invalid');
        await pools.requireFeature(scope, personId, 'further-devices');
        await claim(scope, Buffer.from(link.linkId).toString('hex'), clock.nowMs() + LINK_LIFETIME_MS);
        // First the operator's index, as at an enrolment.
        await store.operator().write((tx) => {
          tx.put(deviceTenants, { deviceId: added, tenantId: scope.tenant });
        });
      }
      let gone: readonly DeviceId[] | undefined;
      try {
        gone = await commit(caller, publication);
      } catch (error) {
        if (error instanceof StoreError && error.code === 'already_exists') {
          throw new KuvertError('link_used', { cause: error });
        }
        throw error;
      }
      if (gone === undefined) return;
      await devices.announce(scope, personId);
      for (const device of gone) await devices.retired(scope, device);
    },

    async fetch(linkId) {
      const name = Buffer.from(linkId).toString('hex');
      const row = await store.operator().find(linkTenants, name);
      if (row === undefined) return undefined;
      const found = await store.tenant(row.tenantId).find(linkAnswers, name);
      return found === undefined || found.expiresAt <= clock.nowMs() ? undefined : found.answer;
    },
  };
}

/** What a list that is not verified yet says of itself; only for a better answer and an index. */
function unverified(signed: Signed): DeviceList | undefined {
  try {
    return DeviceList.safeParse(decodeCbor(signed.bytes)).data;
  } catch {
    return undefined;
  }
}

function versionOf(signed: Signed): number | undefined {
  return unverified(signed)?.version;
}

/** The device that a list adds stands last. */
function newestDevice(signed: Signed): DeviceId | undefined {
  return unverified(signed)?.devices.at(-1)?.device;
}
