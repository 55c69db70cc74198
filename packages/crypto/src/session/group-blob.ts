/**
 * What the server keeps of a message to a group, once for all of its members:
 *
 *   blob   0x01 version | number of the group key u32 | nonce 12 | AES-256-GCM(sender device 17 | epoch u32 | SenderKeyMessage) | tag 16
 *   key    HKDF-SHA256(group key, info "kuvert/group-blob/1" ‖ tenant ‖ group)
 *   aad    tenant 17 | group 17 | class u8 | number u32
 *
 * The group key hides from the server who has sent it; what keeps the text secret and shows whose it is, is the sender key inside. Everybody
 * who is or was a member under this key can read the outside, and nothing else by it.
 *
 * The key itself goes to each device as a copy sealed by HPKE to its identity key, info "kuvert/group-key-copy/1", aad tenant ‖ group ‖
 * device ‖ number u32; its hash stands in the membership log, SHA-256("kuvert/group-key-hash/1" ‖ group ‖ key).
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import {
  concatBytes,
  type DeviceId,
  type GroupId,
  ID_BYTES,
  idFromBytes,
  idToBytes,
  LABELS,
  type SubmitClass,
  type TenantId,
  utf8,
} from '@kuvert/protocol';
import { PrivateKey, PublicKey } from '@signalapp/libsignal-client';
import { SessionError } from './session-error.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A key that all members share, and its number in the membership log. */
export interface GroupKey {
  readonly number: number;
  /** 32 bytes. */
  readonly key: Bytes;
}

/** Which group. */
export interface GroupName {
  readonly tenant: TenantId;
  readonly group: GroupId;
}

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + 4 + NONCE_BYTES;
/** Padding of profiles, so that the length of a title tells little. */
const PROFILE_BUCKET_BYTES = 256;

/** Seals a message of the sender key for the server to keep. `nonce` is 12 random bytes. */
export function sealBlob(
  { tenant, group, class: submitClass }: GroupName & { readonly class: SubmitClass },
  { number, key }: GroupKey,
  nonce: Bytes,
  content: { readonly senderDevice: DeviceId; readonly epoch: number; readonly ciphertext: Bytes },
): Bytes {
  const head = concatBytes(Uint8Array.of(VERSION), u32(number), nonce);
  const inner = concatBytes(idToBytes(content.senderDevice), u32(content.epoch), content.ciphertext);
  const aad = concatBytes(idToBytes(tenant), idToBytes(group), Uint8Array.of(submitClass), u32(number));
  return concatBytes(head, encrypt(useKey(key, LABELS.groupBlob, { tenant, group }), nonce, aad, inner));
}

/** Number of the group key that opens a blob. @throws SessionError `malformed`, `too-new` */
export function blobKeyNumber(blob: Uint8Array): number {
  if (blob.length < HEAD_BYTES + TAG_BYTES) throw new SessionError('malformed', 'a blob that is too short');
  if (blob[0] !== VERSION) throw new SessionError('too-new', 'a blob of a later version');
  return new DataView(blob.buffer, blob.byteOffset).getUint32(1);
}

/** Opens the outside of a blob; nothing of it is authenticated but that a member made it. @throws SessionError `undecryptable`, `malformed` */
export function openBlob(
  { tenant, group, class: submitClass }: GroupName & { readonly class: SubmitClass },
  { number, key }: GroupKey,
  blob: Uint8Array,
): { readonly senderDevice: DeviceId; readonly epoch: number; readonly ciphertext: Bytes } {
  if (blobKeyNumber(blob) !== number) throw new SessionError('undecryptable', 'a blob under another key');
  const nonce = blob.subarray(5, HEAD_BYTES);
  const aad = concatBytes(idToBytes(tenant), idToBytes(group), Uint8Array.of(submitClass), u32(number));
  const inner = decrypt(
    useKey(key, LABELS.groupBlob, { tenant, group }),
    nonce,
    aad,
    blob.subarray(HEAD_BYTES),
  );
  if (inner.length < ID_BYTES + 4) throw new SessionError('malformed', 'a blob without a sender');
  let senderDevice: DeviceId;
  try {
    senderDevice = idFromBytes('device', inner.subarray(0, ID_BYTES));
  } catch (cause) {
    throw new SessionError('malformed', 'a blob without a sender', { cause });
  }
  const epoch = new DataView(inner.buffer, inner.byteOffset).getUint32(ID_BYTES);
  return { senderDevice, epoch, ciphertext: inner.slice(ID_BYTES + 4) };
}

/** What the membership log says of a group key, 32 bytes. */
export function groupKeyHash(group: GroupId, key: Uint8Array): Bytes {
  const hash = createHash('sha256').update(LABELS.groupKeyHash);
  return Uint8Array.from(hash.update(idToBytes(group)).update(key).digest());
}

/** Seals a group key to a device. */
export function sealGroupKey(
  name: GroupName,
  { number, key }: GroupKey,
  to: { readonly device: DeviceId; readonly identityKey: Bytes },
): Bytes {
  const recipient = PublicKey.deserialize(to.identityKey);
  return recipient.seal(key, LABELS.groupKeyCopy, copyAad(name, to.device, number));
}

/** Opens a copy that was sealed to this device. @throws SessionError `undecryptable` */
export function openGroupKey(
  name: GroupName,
  number: number,
  own: { readonly device: DeviceId; readonly identityPrivateKey: Bytes },
  sealed: Bytes,
): GroupKey {
  try {
    const key = PrivateKey.deserialize(own.identityPrivateKey);
    const opened = key.open(sealed, LABELS.groupKeyCopy, copyAad(name, own.device, number));
    return { number, key: Uint8Array.from(opened) };
  } catch (cause) {
    throw new SessionError('undecryptable', 'a group key that is not sealed to this device', { cause });
  }
}

/** Seals title and picture under a group key: nonce 12 | AES-256-GCM(length u16 | bytes | zeros up to a multiple of 256) | tag 16. */
export function sealProfile(name: GroupName, { key }: GroupKey, nonce: Bytes, profile: Bytes): Bytes {
  const padded = new Uint8Array(
    Math.ceil((profile.length + 2) / PROFILE_BUCKET_BYTES) * PROFILE_BUCKET_BYTES,
  );
  new DataView(padded.buffer).setUint16(0, profile.length);
  padded.set(profile, 2);
  const use = useKey(key, LABELS.groupProfile, name);
  return concatBytes(nonce, encrypt(use, nonce, utf8(LABELS.groupProfile), padded));
}

/** @throws SessionError `undecryptable`, `malformed` */
export function openProfile(name: GroupName, { key }: GroupKey, sealed: Uint8Array): Bytes {
  if (sealed.length < NONCE_BYTES + TAG_BYTES + 2) throw new SessionError('malformed', 'a short profile');
  const use = useKey(key, LABELS.groupProfile, name);
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const padded = decrypt(use, nonce, utf8(LABELS.groupProfile), sealed.subarray(NONCE_BYTES));
  const length = new DataView(padded.buffer, padded.byteOffset).getUint16(0);
  if (length > padded.length - 2) throw new SessionError('malformed', 'a profile with a wrong length');
  return padded.slice(2, 2 + length);
}

function useKey(key: Bytes, label: string, { tenant, group }: GroupName): Uint8Array {
  const info = concatBytes(utf8(label), idToBytes(tenant), idToBytes(group));
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(32), info, 32));
}

function copyAad({ tenant, group }: GroupName, device: DeviceId, number: number): Bytes {
  return concatBytes(idToBytes(tenant), idToBytes(group), idToBytes(device), u32(number));
}

function encrypt(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Bytes {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  return concatBytes(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

function decrypt(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Bytes {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(aad);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    return concatBytes(decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final());
  } catch (cause) {
    throw new SessionError('undecryptable', 'something of a group that does not open', { cause });
  }
}

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
