/**
 * Linking a device, without I/O. The new device makes its keys and shows a code ({@link makeLinkOffer}); a signer that has read it puts the
 * device into the list and seals an answer ({@link makeLinkAnswer}); the new device opens it and believes nothing in it but what bears
 * signatures from the tenant root down and lists exactly the keys that it has made ({@link completeLink}).
 */
import { generateStaticKeyPair, serverKeyId } from '@kuvert/crypto/channel';
import { rootHash, signingKeyFromSeed, verifyAccount } from '@kuvert/crypto/identity';
import {
  createDeviceKeys,
  FIRST_PREKEY_COUNTERS,
  makePrekeys,
  openLinkAnswer,
  SessionError,
  sealLinkAnswer,
} from '@kuvert/crypto/session';
import {
  type AccountRecord,
  type CborValue,
  decodeCbor,
  encodeCbor,
  encodeLinkCode,
  equalBytes,
  KuvertError,
  LINK_LIFETIME_MS,
  LinkAnswer,
  type LinkOffer,
  makeId,
  type PrekeyUpload,
  type TenantId,
} from '@kuvert/protocol';
import { loadRecord, type OwnDevice, saveRecord, VALUES } from './own-device.ts';
import type { Random } from './ports.ts';
import type { Store } from './store.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What an enrolment token pins. */
export interface LinkPins {
  readonly tenantId: TenantId;
  readonly serverStatic: Bytes;
  readonly rootHash: Bytes;
}

/** A device that waits to be linked: what it shows, and the private half of it. */
export interface PendingLink {
  readonly serverUrl: string;
  readonly offer: LinkOffer;
  readonly identityPrivateKey: Bytes;
  readonly noisePrivateKey: Bytes;
  readonly receiptPrivateKey: Bytes;
  readonly upload: PrekeyUpload;
  /** When it was made, by the device's own clock. */
  readonly beganAtMs: number;
  /** What an enrolment token has said before; the answer must agree with it. */
  readonly token?: LinkPins;
}

/**
 * Makes the keys of a new device and writes them down as pending, in the place of an earlier attempt.
 * @param parts.serverTimeMs the time by the server's clock
 */
export function makeLinkOffer(
  store: Store,
  parts: {
    readonly serverUrl: string;
    readonly serverStatic: Uint8Array;
    readonly serverTimeMs: number;
    readonly nowMs: number;
    readonly random: Random;
    readonly token?: LinkPins;
  },
): PendingLink {
  const { serverUrl, serverStatic, serverTimeMs, nowMs, random } = parts;
  const keys = createDeviceKeys();
  const noise = generateStaticKeyPair();
  const { identityPrivateKey } = keys;
  const prekeys = makePrekeys({ identityPrivateKey, counters: FIRST_PREKEY_COUNTERS, nowMs });
  const pending: PendingLink = {
    serverUrl,
    offer: {
      device: makeId('device', random(16)),
      identityKey: keys.identityKey,
      noiseStatic: Uint8Array.from(noise.publicKey),
      receiptKey: keys.receiptKey.publicKey,
      registrationId: keys.registrationId,
      secret: random(16),
      madeAtMs: serverTimeMs,
      server: Uint8Array.from(serverKeyId(serverStatic)),
    },
    identityPrivateKey,
    noisePrivateKey: Uint8Array.from(noise.privateKey),
    receiptPrivateKey: keys.receiptKey.privateKey,
    upload: prekeys.upload,
    beganAtMs: nowMs,
    ...(parts.token && { token: parts.token }),
  };
  store.transaction(() => {
    store.sessions.clearPrekeys();
    store.sessions.addPrekeys(prekeys.rows, prekeys.counters);
    saveRecord(store.values, VALUES.pendingLink, pending);
  });
  return pending;
}

/** An attempt that may still be answered, after a restart of the device. */
export function loadPendingLink(store: Store, nowMs: number): PendingLink | undefined {
  const pending = loadRecord<PendingLink>(store.values, VALUES.pendingLink);
  return pending !== undefined && Math.abs(nowMs - pending.beganAtMs) < LINK_LIFETIME_MS
    ? pending
    : undefined;
}

/** What the signer seals for the new device. */
export function makeLinkAnswer(
  own: OwnDevice,
  offer: LinkOffer,
  parts: {
    readonly record: AccountRecord;
    /** For a device that shall be a signer. */
    readonly accountPrivateKey: Bytes | undefined;
  },
): Bytes {
  const { record, accountPrivateKey } = parts;
  const answer: LinkAnswer = {
    v: 1,
    serverStatic: own.serverStatic,
    tenant: own.tenantId,
    tenantName: own.tenantName,
    root: own.root,
    name: own.name,
    mail: own.mail,
    record,
    ...(accountPrivateKey && { accountPrivateKey }),
  };
  return sealLinkAnswer(offer, encodeCbor(answer as CborValue));
}

/**
 * Becomes a device: opens and verifies the answer and writes the profile down.
 * @throws KuvertError `link_not_trusted` for an answer that is not for this code, or that does not list exactly this device
 */
export function completeLink(store: Store, pending: PendingLink, sealed: Bytes): OwnDevice {
  const { offer } = pending;
  const answer = openAnswer(pending, sealed);
  const { tenant: tenantId, root, record } = answer;
  const { token } = pending;
  const fitsToken =
    token === undefined ||
    (token.tenantId === tenantId &&
      equalBytes(token.serverStatic, answer.serverStatic) &&
      equalBytes(token.rootHash, rootHash(root)));
  if (!fitsToken) throw new KuvertError('link_not_trusted');
  const verified = trusted(() => verifyAccount(record, { tenantId, root, personId: record.person }));
  const entry = verified.list.devices.find((listed) => listed.device === offer.device);
  const isListed =
    entry !== undefined &&
    equalBytes(entry.identityKey, offer.identityKey) &&
    equalBytes(entry.noiseStatic, offer.noiseStatic) &&
    equalBytes(entry.receiptKey, offer.receiptKey) &&
    entry.registrationId === offer.registrationId;
  if (!isListed) throw new KuvertError('link_not_trusted');
  const { accountPrivateKey } = answer;
  const isKeyRight =
    accountPrivateKey === undefined
      ? entry.role === 'linked'
      : entry.role === 'signer' &&
        equalBytes(signingKeyFromSeed(accountPrivateKey).publicKey, verified.accountKey);
  if (!isKeyRight) throw new KuvertError('link_not_trusted');
  const own: OwnDevice = {
    serverUrl: pending.serverUrl,
    serverStatic: answer.serverStatic,
    tenantId,
    tenantName: answer.tenantName,
    personId: record.person,
    name: answer.name,
    mail: answer.mail,
    deviceId: offer.device,
    root,
    authority: record.authority,
    deviceList: record.deviceList,
    listVersion: verified.list.version,
    accountKey: verified.accountKey,
    ...(accountPrivateKey && { accountPrivateKey }),
    identityKey: offer.identityKey,
    identityPrivateKey: pending.identityPrivateKey,
    registrationId: offer.registrationId,
    noisePublicKey: offer.noiseStatic,
    noisePrivateKey: pending.noisePrivateKey,
    receiptKey: offer.receiptKey,
    receiptPrivateKey: pending.receiptPrivateKey,
    enrolledAtMs: pending.beganAtMs,
  };
  const { personId, name, mail } = own;
  store.transaction(() => {
    saveRecord(store.values, VALUES.own, own);
    saveRecord(store.values, VALUES.firstUpload, pending.upload);
    store.values.delete(VALUES.pendingLink);
    store.directory.putPerson({ personId, name, mail });
    store.directory.putAccount({ personId, pin: verified.pin, list: verified.list, inactive: [] });
  });
  return own;
}

function openAnswer(pending: PendingLink, sealed: Bytes): LinkAnswer {
  return trusted(() => {
    const bytes = openLinkAnswer(pending.offer, pending.identityPrivateKey, sealed);
    return LinkAnswer.parse(decodeCbor(bytes));
  });
}

/** Whatever does not hold in an answer has one name here. */
function trusted<T>(check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (cause instanceof KuvertError || cause instanceof SessionError || cause instanceof Error) {
      throw new KuvertError('link_not_trusted', { cause });
    }
    throw cause;
  }
}

/** The code of a pending device as text. */
export function codeOf(pending: PendingLink): string {
  return encodeLinkCode(pending.offer);
}
