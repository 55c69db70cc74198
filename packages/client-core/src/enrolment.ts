/**
 * Enrolment without I/O (wire.md §3, E1): what the server says is checked against the token, keys are made and written down as
 * pending, and only then is the token used up. A crash or lost answer at any step is cured by doing the rest again.
 */
import { generateStaticKeyPair } from '@kuvert/crypto/channel';
import {
  generateSigningKey,
  makeFirstDeviceList,
  openStatement,
  rootHash,
  verifyAccount,
} from '@kuvert/crypto/identity';
import { createDeviceKeys, FIRST_PREKEY_COUNTERS, makePrekeys } from '@kuvert/crypto/session';
import {
  AuthorityCertificate,
  type EnrolmentToken,
  equalBytes,
  KuvertError,
  makeId,
  type PrekeyUpload,
  SUITES,
} from '@kuvert/protocol';
import { loadRecord, type OwnDevice, saveRecord, VALUES } from './own-device.ts';
import type { Clock, MethodParams, MethodResult, Random } from './ports.ts';
import type { Store } from './store.ts';

/** Everything for the second step, so that it can be repeated word for word. */
export interface PendingEnrolment {
  readonly own: OwnDevice;
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly upload: PrekeyUpload;
}

/** Calls of the enrolment channel. */
export interface EnrolmentConnection {
  request<N extends 'enrolment.open' | 'enrolment.finish'>(
    method: N,
    params: MethodParams<N>,
  ): Promise<MethodResult<N>>;
}

/**
 * Enrols, or goes on where an earlier attempt with the same token stopped.
 * @returns the enrolled device, as it is stored now
 * @throws KuvertError `identity_not_trusted` when the server's statements do not fit the token; what the server answers
 */
export async function enrolDevice(options: {
  readonly store: Store;
  readonly token: EnrolmentToken;
  readonly serverUrl: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly connection: EnrolmentConnection;
}): Promise<OwnDevice> {
  const { store, token, connection } = options;
  let pending = loadRecord<PendingEnrolment>(store.values, VALUES.pending);
  if (pending?.own.tokenId !== token.tokenId) {
    const { tenantId, tokenId } = token;
    const secret = Uint8Array.from(token.secret);
    pending = prepare(options, await connection.request('enrolment.open', { tenantId, tokenId, secret }));
  }
  const { own, secret, upload } = pending;
  const { account, changes } = await connection
    .request('enrolment.finish', {
      tenantId: own.tenantId,
      tokenId: token.tokenId,
      secret,
      deviceId: own.deviceId,
      accountKey: own.accountKey,
      deviceList: own.deviceList,
      prekeys: upload,
    })
    .catch((error: unknown) => {
      // After a reset the account may have changed meanwhile: the next attempt asks again what it has to follow.
      if (error instanceof KuvertError && error.code === 'devices_changed')
        store.values.delete(VALUES.pending);
      throw error;
    });
  const { authority, deviceList } = own;
  const record = { person: own.personId, authority, account, deviceList, ...(changes && { changes }) };
  const { tenantId, personId, root } = own;
  const verified = verifyAccount(record, { tenantId, root, personId });
  if (!equalBytes(verified.accountKey, own.accountKey)) throw new KuvertError('identity_not_trusted');
  store.transaction(() => {
    saveRecord(store.values, VALUES.own, own);
    store.values.delete(VALUES.pending);
    store.directory.putPerson({ personId, name: own.name, mail: own.mail });
    store.directory.putAccount({ personId, pin: verified.pin, list: verified.list, inactive: [] });
  });
  return own;
}

/** Checks the first answer, makes all keys and writes them down. */
function prepare(
  options: Pick<Parameters<typeof enrolDevice>[0], 'store' | 'token' | 'serverUrl' | 'clock' | 'random'>,
  opened: MethodResult<'enrolment.open'>,
): PendingEnrolment {
  const { store, token, serverUrl, clock, random } = options;
  const { person, tenantName, root, authority, reset } = opened;
  if (opened.mustLink) throw new KuvertError('link_needed');
  const { tenantId, tokenId } = token;
  if (!equalBytes(rootHash(root), token.rootHash)) throw new KuvertError('identity_not_trusted');
  const certificate = openStatement('authorityCertificate', AuthorityCertificate, authority, root);
  if (certificate.tenant !== tenantId) throw new KuvertError('identity_not_trusted');
  const nowMs = clock.now();
  const keys = createDeviceKeys();
  const accountKey = generateSigningKey();
  const noise = generateStaticKeyPair();
  const deviceId = makeId('device', random(16));
  const deviceList = makeFirstDeviceList({
    accountPrivateKey: accountKey.privateKey,
    tenantId,
    personId: person.personId,
    nowMs,
    follows: reset && { version: reset.version, hash: reset.listHash },
    device: {
      device: deviceId,
      identityKey: keys.identityKey,
      noiseStatic: Uint8Array.from(noise.publicKey),
      receiptKey: keys.receiptKey.publicKey,
      registrationId: keys.registrationId,
      suites: [SUITES.signalPairwise],
    },
  });
  const { identityPrivateKey } = keys;
  const prekeys = makePrekeys({ identityPrivateKey, counters: FIRST_PREKEY_COUNTERS, nowMs });
  const own: OwnDevice = {
    serverUrl,
    serverStatic: Uint8Array.from(token.serverStatic),
    tokenId,
    tenantId,
    tenantName,
    personId: person.personId,
    name: person.name,
    mail: person.mail,
    deviceId,
    root,
    authority,
    deviceList,
    listVersion: (reset?.version ?? 0) + 1,
    accountKey: accountKey.publicKey,
    accountPrivateKey: accountKey.privateKey,
    identityKey: keys.identityKey,
    identityPrivateKey,
    registrationId: keys.registrationId,
    noisePublicKey: Uint8Array.from(noise.publicKey),
    noisePrivateKey: Uint8Array.from(noise.privateKey),
    receiptKey: keys.receiptKey.publicKey,
    receiptPrivateKey: keys.receiptKey.privateKey,
    enrolledAtMs: nowMs,
  };
  const pending = { own, secret: Uint8Array.from(token.secret), upload: prekeys.upload };
  store.transaction(() => {
    store.sessions.clearPrekeys();
    store.sessions.addPrekeys(prekeys.rows, prekeys.counters);
    saveRecord(store.values, VALUES.pending, pending);
  });
  return pending;
}
