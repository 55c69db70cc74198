/**
 * Making the statements of wire.md §2: tenant identity, account certificate, device list. Time is an
 * argument.
 */
import {
  AccountCertificate,
  AuthorityCertificate,
  type CborValue,
  DeviceList,
  type ListedDevice,
  type PersonId,
  type Signed,
  type TenantId,
} from '@kuvert/protocol';
import { generateSigningKey, type SigningKey, signingKeyFromSeed } from './signing-key.ts';
import { signValue } from './statement.ts';

/**
 * What a tenant is born with. The private halves belong to the key provider, never into the data folder in
 * clear.
 */
export interface TenantIdentity {
  readonly root: SigningKey;
  readonly authorityKey: SigningKey;
  /** The root's {@link AuthorityCertificate} for `authorityKey`. */
  readonly authority: Signed;
}

/** `prevHash` of a first device list: 32 zero bytes. */
export const FIRST_PREV_HASH: Uint8Array = new Uint8Array(32);

/** Makes root and authority of a new tenant and the root's certificate for the authority. */
export function createTenantIdentity(options: {
  readonly tenantId: TenantId;
  readonly nowMs: number;
}): TenantIdentity {
  const root = generateSigningKey();
  const authorityKey = generateSigningKey();
  const certificate: AuthorityCertificate = {
    v: 1,
    tenant: options.tenantId,
    authorityKey: authorityKey.publicKey,
    issuedAt: options.nowMs,
  };
  const authority = signValue(
    'authorityCertificate',
    root.privateKey,
    AuthorityCertificate.parse(certificate) as CborValue,
  );
  return { root, authorityKey, authority };
}

/**
 * The authority's certificate for the first account key of a person. Only for a person who has none yet: what
 * makes further devices is the account key itself, never the authority (wire.md §2).
 */
export function certifyFirstAccount(options: {
  /** The authority's private key: 32-byte seed. */
  readonly authorityPrivateKey: Uint8Array;
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  /** Public account key, 33 bytes. */
  readonly accountKey: Uint8Array<ArrayBuffer>;
  readonly nowMs: number;
}): Signed {
  const certificate: AccountCertificate = {
    v: 1,
    tenant: options.tenantId,
    person: options.personId,
    accountKey: options.accountKey,
    kind: 'first',
    issuedAt: options.nowMs,
  };
  return signValue(
    'accountCertificate',
    options.authorityPrivateKey,
    AccountCertificate.parse(certificate) as CborValue,
  );
}

/** Version 1 of a person's device list, or the first one after a reset: one device, role `signer`. */
export function makeFirstDeviceList(options: {
  /** The account key's private half: 32-byte seed. */
  readonly accountPrivateKey: Uint8Array;
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly device: Omit<ListedDevice, 'role' | 'addedAt'>;
  readonly nowMs: number;
  /** After a reset: the list that this one follows. */
  readonly follows?: { readonly version: number; readonly hash: Uint8Array<ArrayBuffer> } | undefined;
}): Signed {
  return signDeviceList(options.accountPrivateKey, {
    v: 1,
    tenant: options.tenantId,
    person: options.personId,
    version: (options.follows?.version ?? 0) + 1,
    prevHash: options.follows?.hash ?? new Uint8Array(32),
    accountKey: signingKeyFromSeed(options.accountPrivateKey).publicKey,
    issuedAt: options.nowMs,
    devices: [{ ...options.device, role: 'signer', addedAt: options.nowMs }],
  });
}

/**
 * Signs a device list of any version; a later one is version + 1 with `prevHash` = `listHash` of the one
 * before.
 * @throws when the list is not well formed, which is a fault of the caller
 */
export function signDeviceList(accountPrivateKey: Uint8Array, list: DeviceList): Signed {
  return signValue('deviceList', accountPrivateKey, DeviceList.parse(list) as CborValue);
}
