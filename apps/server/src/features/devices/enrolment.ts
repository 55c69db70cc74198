/** Enrolment in two steps (packages/protocol/src/enrolment.ts): open says for whom, finish registers the device. */
import { listHash, verifyEnrolmentList } from '@kuvert/crypto/identity';
import {
  type DeviceId,
  equalBytes,
  KuvertError,
  type Person,
  type PrekeyUpload,
  type Signed,
} from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import { type Store, StoreError, type TenantScope, type Tx } from '../../store/index.ts';
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
import type { TokenProof, TokenRow, Tokens } from './tokens.ts';

/** What enrolment and revocation need of the prekeys: a part of the same commit. */
export interface PrekeyStock {
  /** @throws KuvertError `prekeys_invalid` */
  verify(identityKey: Uint8Array<ArrayBuffer>, upload: PrekeyUpload): void;
  /** Stores the first keys of a device. */
  store(tx: Tx<'tenant'>, deviceId: DeviceId, upload: PrekeyUpload): void;
  /** Removes the one-time keys of a device. */
  voidOneTime(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<void>;
  /** Removes all keys of a device. */
  remove(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<void>;
}

/** The second step's request. */
export interface EnrolmentRequest extends TokenProof {
  readonly deviceId: DeviceId;
  readonly accountKey: Uint8Array<ArrayBuffer>;
  readonly deviceList: Signed;
  readonly prekeys: PrekeyUpload;
}

/** @see createEnrolment */
export interface Enrolment {
  /**
   * @returns also whether the person has an account already, so that the device must be linked
   * @throws KuvertError `token_not_valid`, `token_expired`
   */
  open(proof: TokenProof): Promise<{ person: Person; tenant: TenantProfile; mustLink: boolean }>;
  /**
   * @returns the certificate of the person's account key
   * @throws KuvertError `token_not_valid`, `token_used`, `token_expired`, `link_needed`, `device_list_invalid`, `prekeys_invalid`
   */
  finish(request: EnrolmentRequest): Promise<Signed>;
}

/** Enrols devices with a token. */
export function createEnrolment(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly people: PeopleService;
  readonly tenants: TenantService;
  readonly tokens: Tokens;
  readonly prekeys: PrekeyStock;
}): Enrolment {
  const { store, clock, people, tenants, tokens, prekeys } = deps;

  /** The answer for a token that was used: the same one for the same list, a refusal for another. */
  async function answerAgain(scope: TenantScope, token: TokenRow, hash: Uint8Array): Promise<Signed> {
    if (token.usedForList === null || !equalBytes(token.usedForList, hash))
      throw new KuvertError('token_used');
    return (await scope.get(accounts, token.personId)).account;
  }

  /** True when an unused token's person has an account: whoever has one links further devices with it. */
  async function mustLink(scope: TenantScope, token: TokenRow): Promise<boolean> {
    if ((await scope.find(accounts, token.personId)) === undefined) return false;
    // The account may have been made with this very token since the token was read; then it is a used token.
    return (await scope.get(enrolmentTokens, token.tokenId)).usedForList === null;
  }

  return {
    async open(proof) {
      const { scope, token } = await tokens.check(proof);
      // A used token still opens: its device may have lost the answer of the second step and start over with the same list.
      const isUnused = token.usedForList === null;
      if (isUnused && token.expiresAt <= clock.nowMs()) throw new KuvertError('token_expired');
      return {
        person: await people.get(scope, token.personId),
        tenant: await tenants.profile(scope),
        mustLink: isUnused && (await mustLink(scope, token)),
      };
    },

    async finish(request) {
      const { scope, token } = await tokens.check(request);
      const { personId } = token;
      const hash = listHash(request.deviceList);
      if (token.usedForList !== null) return answerAgain(scope, token, hash);
      if (token.expiresAt <= clock.nowMs()) throw new KuvertError('token_expired');
      if (await mustLink(scope, token)) throw new KuvertError('link_needed');
      const list = verifyEnrolmentList(request.deviceList, {
        tenantId: scope.tenant,
        personId,
        deviceId: request.deviceId,
        accountKey: request.accountKey,
      });
      const listed = list.devices[0];
      if (listed === undefined) throw new KuvertError('device_list_invalid');
      prekeys.verify(listed.identityKey as Uint8Array<ArrayBuffer>, request.prekeys);
      const account = await tenants.certifyFirst(scope, { personId, accountKey: request.accountKey });
      // First the operator's index: a row too many names a device that its tenant does not have, a row too few could not be revoked.
      await store.operator().write((tx) => {
        tx.put(deviceTenants, { deviceId: request.deviceId, tenantId: scope.tenant });
      });
      try {
        return await scope.write(async (tx) => {
          const current = await tx.get(enrolmentTokens, token.tokenId);
          if (current.usedForList !== null) return answerAgain(scope, current, hash);
          // Two tokens of one person race for this row: its absence is part of what the commit checks.
          if ((await tx.find(accounts, personId)) !== undefined) throw new KuvertError('link_needed');
          const enrolledAt = clock.nowMs();
          tx.put(enrolmentTokens, { ...current, usedForList: hash });
          tx.insert(accounts, {
            personId,
            account,
            deviceList: request.deviceList,
            listHash: hash,
            listVersion: list.version,
          });
          tx.insert(devices, {
            deviceId: request.deviceId,
            personId,
            noiseStatic: listed.noiseStatic,
            identityKey: listed.identityKey,
            state: 'active',
            enrolledAt,
            revokedAt: null,
            cleanup: null,
          });
          tx.apply(store.ops.insert(activeDevices, [request.deviceId], new Uint8Array(0)));
          tx.apply(
            store.ops.insert(deviceSets, [personId, 1], { listHash: hash, devices: [request.deviceId] }),
          );
          prekeys.store(tx, request.deviceId, request.prekeys);
          return account;
        });
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
