/**
 * Sender keys (libsignal): a message to a group is encrypted once. A sender hands its key to each device through the pairwise session, as a
 * distribution message; from then on every message takes the key one step further. Whoever had a key reads all that comes under it, so it
 * is made anew when somebody goes. Works like {@link SessionCipher}: nothing is written here, the caller commits the writes.
 */
import type { DeviceId } from '@kuvert/protocol';
import {
  ErrorCode,
  groupDecrypt,
  groupEncrypt,
  LibSignalErrorBase,
  type ProtocolAddress,
  processSenderKeyDistributionMessage,
  SenderKeyDistributionMessage,
  SenderKeyMessage,
  SenderKeyRecord,
  SenderKeyStore,
} from '@signalapp/libsignal-client';
import type { SenderKeyRecords, SenderKeyRow } from './records.ts';
import { SessionError } from './session-error.ts';
import { addressOf } from './staged-stores.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The distribution of an own key: libsignal's name of it, as UUID text made of 16 random bytes. */
export function distributionName(random16: Uint8Array): string {
  const hex = Buffer.from(random16).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The own key as others are to get it, from its next step on. It is made when there is none under this name. */
export async function distributeSenderKey(
  records: SenderKeyRecords,
  own: DeviceId,
  distribution: string,
): Promise<{ readonly message: Bytes; readonly writes: readonly SenderKeyRow[] }> {
  const store = new StagedSenderKeys(records, own);
  const message = await SenderKeyDistributionMessage.create(addressOf(own), distribution, store);
  return { message: message.serialize(), writes: store.writes };
}

/**
 * Takes the key of another device.
 * @returns under which name
 * @throws SessionError `malformed`
 */
export async function takeSenderKey(
  records: SenderKeyRecords,
  sender: DeviceId,
  message: Bytes,
): Promise<{ readonly distribution: string; readonly writes: readonly SenderKeyRow[] }> {
  const store = new StagedSenderKeys(records, sender);
  try {
    const parsed = SenderKeyDistributionMessage.deserialize(message);
    await processSenderKeyDistributionMessage(addressOf(sender), parsed, store);
    return { distribution: parsed.distributionId(), writes: store.writes };
  } catch (cause) {
    throw new SessionError('malformed', 'a sender key that is none', { cause });
  }
}

/** Encrypts once for everybody who has the own key. @throws SessionError `no-session` */
export async function encryptForGroup(
  records: SenderKeyRecords,
  own: DeviceId,
  distribution: string,
  plaintext: Bytes,
): Promise<{ readonly ciphertext: Bytes; readonly writes: readonly SenderKeyRow[] }> {
  const store = new StagedSenderKeys(records, own);
  try {
    const message = await groupEncrypt(addressOf(own), distribution, store, plaintext);
    return { ciphertext: message.serialize(), writes: store.writes };
  } catch (cause) {
    throw new SessionError('no-session', 'a sender key that cannot encrypt', { cause });
  }
}

/** Under which name a message was encrypted. @throws SessionError `malformed` */
export function distributionOf(ciphertext: Bytes): string {
  try {
    return SenderKeyMessage.deserialize(ciphertext).distributionId();
  } catch (cause) {
    throw new SessionError('malformed', 'a message to a group that is none', { cause });
  }
}

/** @throws SessionError `undecryptable` (the key is not here, or another one), `duplicate` */
export async function decryptFromGroup(
  records: SenderKeyRecords,
  sender: DeviceId,
  ciphertext: Bytes,
): Promise<{ readonly plaintext: Bytes; readonly writes: readonly SenderKeyRow[] }> {
  const store = new StagedSenderKeys(records, sender);
  try {
    const plaintext = await groupDecrypt(addressOf(sender), store, ciphertext);
    return { plaintext: Uint8Array.from(plaintext), writes: store.writes };
  } catch (cause) {
    const code = cause instanceof LibSignalErrorBase ? (cause.code as ErrorCode) : ErrorCode.Generic;
    const reason = code === ErrorCode.DuplicatedMessage ? 'duplicate' : 'undecryptable';
    throw new SessionError(reason, 'a sender key refused the operation', { cause });
  }
}

class StagedSenderKeys extends SenderKeyStore {
  readonly writes: SenderKeyRow[] = [];
  readonly #records: SenderKeyRecords;
  readonly #device: DeviceId;

  constructor(records: SenderKeyRecords, device: DeviceId) {
    super();
    this.#records = records;
    this.#device = device;
  }

  async saveSenderKey(
    _sender: ProtocolAddress,
    distribution: string,
    record: SenderKeyRecord,
  ): Promise<void> {
    this.writes.push({ device: this.#device, distribution, record: record.serialize() });
  }

  async getSenderKey(_sender: ProtocolAddress, distribution: string): Promise<SenderKeyRecord | null> {
    const own = this.writes.findLast((row) => row.distribution === distribution)?.record;
    const bytes = own ?? this.#records.loadSenderKey(this.#device, distribution);
    return bytes === undefined ? null : SenderKeyRecord.deserialize(bytes);
  }
}
