/** Enrolment in two steps (packages/protocol/src/enrolment.ts): open says for whom, finish registers the device. */
import { listHash, verifyEnrolmentList } from '@kuvert/crypto/identity';
import {
  type DeviceId,
  DeviceList,
  decodeCbor,
  equalBytes,
  KEY_CHANGES_MAX,
  type KeyChange,
  KuvertError,
  type Person,
  type PersonId,
  type PrekeyUpload,
  type Signed,
  type TenantId,
} from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import { type RowOf, type Store, StoreError, type TenantScope, type Tx } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { TenantProfile, TenantService } from '../tenants/index.ts';
import {
  accounts,
  activeDevices,
  deviceSets,
  devices,
  deviceTenants,
  enrolmentTokens,
} from './collections.ts';
import type { PrekeyStock } from './prekey-stock.ts';
import type { DeviceService } from './service.ts';
import type { TokenProof, TokenRow, Tokens } from './tokens.ts';

/** The second step's request. */
export interface EnrolmentRequest extends TokenProof {
  readonly deviceId: DeviceId;
  readonly accountKey: Uint8Array<ArrayBuffer>;
  readonly deviceList: Signed;
  readonly prekeys: PrekeyUpload;
}

/** The authority's certificate of an account key. */
export interface Certified {
  readonly account: Signed;
  readonly changes: KeyChange[] | undefined;
}

type AccountRow = RowOf<typeof accounts>;

/** @see createEnrolment */
export interface Enrolment {
  /**
   * @returns also whether the person has an account already, so that the device must be linked
   * @throws KuvertError `token_not_valid`, `token_expired`, `person_locked`, `tenant_suspended`
   */
  open(proof: TokenProof): Promise<{
    person: Person;
    tenant: TenantProfile;
    mustLink: boolean;
    /** What the new account follows, with a token for a reset. */
    reset:
      | { version: number; listHash: Uint8Array<ArrayBuffer>; accountKey: Uint8Array<ArrayBuffer> }
      | undefined;
  }>;
  /**
   * @returns the certificate of the person's account key, and how it followed others
   * @throws KuvertError `devices_changed` (after a reset, when the account has changed since `open`), `token_not_valid`, `token_used`, `token_expired`, `link_needed`, `device_list_invalid`, `prekeys_invalid`, `person_locked`, `tenant_suspended`
   */
  finish(request: EnrolmentRequest): Promise<Certified>;
}

/** Enrols devices with a token. */
export function createEnrolment(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly people: PeopleService;
  readonly tenants: TenantService;
  readonly tokens: Tokens;
  readonly prekeys: PrekeyStock;
  readonly audit: AuditRecords;
  readonly devices: Pick<DeviceService, 'announce' | 'retire' | 'retired' | 'setChanged'>;
}): Enrolment {
  const { store, clock, people, tenants, tokens, prekeys, audit } = deps;

  /** The answer for a token that was used: the same one for the same list, a refusal for another. */
  async function answerAgain(scope: TenantScope, token: TokenRow, hash: Uint8Array): Promise<Certified> {
    if (token.usedForList === null || !equalBytes(token.usedForList, hash))
      throw new KuvertError('token_used');
    const { account, changes } = await scope.get(accounts, token.personId);
    return { account, changes };
  }

  /** Whether a token that was unused when it was read has made an account since. */
  async function isUsedByNow(scope: TenantScope, { tokenId }: TokenRow): Promise<boolean> {
    return (await scope.get(enrolmentTokens, tokenId)).usedForList !== null;
  }

  /** What a new account of this token's person has to follow; undefined for a first one. @throws KuvertError `link_needed` */
  async function follows(scope: TenantScope, token: TokenRow): Promise<AccountRow | undefined> {
    const account = await scope.find(accounts, token.personId);
    if (account === undefined || token.purpose === 'reset') return account;
    // Then it is a used token.
    if (await isUsedByNow(scope, token)) return undefined;
    throw new KuvertError('link_needed');
  }

  /** The authority's word for the new key. */
  async function certify(
    scope: TenantScope,
    request: EnrolmentRequest,
    named: { personId: PersonId; before: AccountRow | undefined },
  ): Promise<Certified> {
    const { personId, before } = named;
    const { accountKey } = request;
    if (before === undefined) {
      return { account: await tenants.certifyFirst(scope, { personId, accountKey }), changes: undefined };
    }
    const from = accountKeyOf(before);
    const account = await tenants.certifyNext(scope, { personId, kind: 'reset', from, to: accountKey });
    return {
      account,
      changes: [...(before.changes ?? []), { certificate: account }].slice(-KEY_CHANGES_MAX),
    };
  }

  /** Registers the device and, after a reset, takes all others out. @returns the devices that are out */
  async function register(
    tx: Tx<'tenant'>,
    request: EnrolmentRequest,
    made: {
      tenantId: TenantId;
      personId: PersonId;
      list: DeviceList;
      hash: Uint8Array<ArrayBuffer>;
      certified: Certified;
    },
  ): Promise<readonly DeviceId[]> {
    const { tenantId, personId, list, hash, certified } = made;
    const [listed] = list.devices;
    if (listed === undefined) throw new KuvertError('device_list_invalid');
    const { deviceId, deviceList } = request;
    const gone: DeviceId[] = [];
    let setVersion = 0;
    const before = await tx.find(accounts, personId);
    const { rows } = await tx.list(deviceSets, { equals: [personId] });
    for (const { key } of rows) {
      tx.delete(deviceSets, ...key);
      setVersion = key[1];
    }
    for (const { device } of before === undefined ? [] : listOf(before).devices) {
      if ((await tx.get(devices, device)).state === 'revoked') continue;
      await deps.devices.retire(tx, device);
      gone.push(device);
    }
    tx.put(accounts, { personId, ...certified, deviceList, listHash: hash, listVersion: list.version });
    tx.insert(devices, {
      deviceId,
      personId,
      noiseStatic: listed.noiseStatic,
      identityKey: listed.identityKey,
      state: 'active',
      enrolledAt: clock.nowMs(),
      revokedAt: null,
      cleanup: null,
    });
    tx.apply(store.ops.insert(activeDevices, [deviceId], new Uint8Array(0)));
    tx.apply(
      store.ops.insert(deviceSets, [personId, setVersion + 1], { listHash: hash, devices: [deviceId] }),
    );
    await deps.devices.setChanged(tx, personId, { listHash: hash, devices: [deviceId] });
    prekeys.store(tx, deviceId, request.prekeys);
    audit.inTenant(tx, tenantId, { action: 'device.enrolled', object: deviceId, after: { personId } });
    if (before !== undefined)
      audit.inTenant(tx, tenantId, { action: 'account.reset', object: personId, after: { deviceId, gone } });
    return gone;
  }

  return {
    async open(proof) {
      const { scope, token } = await tokens.check(proof);
      await people.requireOpen(scope, token.personId);
      // A used token still opens: its device may have lost the answer of the second step and start over with the same list.
      const isUnused = token.usedForList === null;
      if (isUnused && token.expiresAt <= clock.nowMs()) throw new KuvertError('token_expired');
      const before = isUnused ? await scope.find(accounts, token.personId) : undefined;
      const isReset = token.purpose === 'reset';
      return {
        person: await people.get(scope, token.personId),
        tenant: await tenants.profile(scope),
        mustLink: before !== undefined && !isReset && !(await isUsedByNow(scope, token)),
        reset:
          before === undefined || !isReset
            ? undefined
            : { version: before.listVersion, listHash: before.listHash, accountKey: accountKeyOf(before) },
      };
    },

    async finish(request) {
      const { scope, token } = await tokens.check(request);
      const { personId } = token;
      const hash = listHash(request.deviceList);
      if (token.usedForList !== null) return answerAgain(scope, token, hash);
      if (token.expiresAt <= clock.nowMs()) throw new KuvertError('token_expired');
      const before = await follows(scope, token);
      const list = verifyEnrolmentList(request.deviceList, {
        tenantId: scope.tenant,
        personId,
        deviceId: request.deviceId,
        accountKey: request.accountKey,
        follows: before && { version: before.listVersion, hash: before.listHash },
      });
      const identityKey = list.devices[0]?.identityKey ?? new Uint8Array(0);
      prekeys.verify(identityKey, request.prekeys);
      const certified = await certify(scope, request, { personId, before });
      // First the operator's index: a row too many names a device that its tenant does not have, a row too few could not be revoked.
      await store.operator().write((tx) => {
        tx.put(deviceTenants, { deviceId: request.deviceId, tenantId: scope.tenant });
      });
      try {
        const { answer, gone } = await scope.write(async (tx) => {
          await people.requireOpen(tx, personId);
          const current = await tx.get(enrolmentTokens, token.tokenId);
          if (current.usedForList !== null) {
            return { answer: await answerAgain(scope, current, hash), gone: undefined };
          }
          // Two tokens of one person race for this row: that it is as it was is part of what the commit checks.
          const present = await tx.find(accounts, personId);
          if (present !== undefined && current.purpose !== 'reset') throw new KuvertError('link_needed');
          if (!isSameAccount(present, before)) throw new KuvertError('devices_changed');
          tx.put(enrolmentTokens, { ...current, usedForList: hash });
          const gone = await register(tx, request, {
            tenantId: scope.tenant,
            personId,
            list,
            hash,
            certified,
          });
          return { answer: certified, gone };
        });
        if (before !== undefined && gone !== undefined) {
          await deps.devices.announce(scope, personId);
          for (const device of gone) await deps.devices.retired(scope, device);
        }
        return answer;
      } catch (error) {
        // The id is taken by another device of the tenant, which nobody has by accident.
        if (error instanceof StoreError && error.code === 'already_exists') {
          throw new KuvertError('device_list_invalid', { cause: error });
        }
        throw error;
      }
    },
  };
}

/** The stored list was checked when it came. */
function listOf(row: AccountRow): DeviceList {
  return DeviceList.parse(decodeCbor(row.deviceList.bytes));
}

function accountKeyOf(row: AccountRow): Uint8Array<ArrayBuffer> {
  return listOf(row).accountKey;
}

function isSameAccount(a: AccountRow | undefined, b: AccountRow | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return equalBytes(a.listHash, b.listHash);
}
