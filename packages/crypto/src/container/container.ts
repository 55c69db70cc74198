import { hkdfSync, randomBytes } from 'node:crypto';
import { LABELS } from '@kuvert/protocol';
import { ContainerError } from './container-error.ts';
import { decodeHeader, encodeHeader, type PassphraseSlot, SLOTS_MAX, type Slot } from './header.ts';
import { type Argon2idCost, DEFAULT_ARGON2ID_COST } from './key-derivation.ts';
import { openSlot, sealSlot } from './slots.ts';

/** Bytes of the master key and of each key made from it. */
export const MASTER_KEY_BYTES = 32;

/** A passphrase as bytes, taken as they are, and what a guess of it shall cost. */
export interface Protection {
  readonly passphrase: Uint8Array;
  /** Default: {@link DEFAULT_ARGON2ID_COST}. Less only in tests. */
  readonly cost?: Argon2idCost | undefined;
}

/** An open container: the header to store in clear beside the data, and the key that opens the data. */
export interface OpenContainer {
  readonly header: Uint8Array;
  /** 32 bytes. The holder overwrites it when the container is locked. */
  readonly masterKey: Uint8Array;
}

/**
 * Makes a container with a fresh master key and one passphrase slot.
 * @throws RangeError on an empty passphrase
 */
export async function createContainer(protection: Protection): Promise<OpenContainer> {
  const masterKey = Uint8Array.from(randomBytes(MASTER_KEY_BYTES));
  return { header: encodeHeader([await seal(masterKey, protection)]), masterKey };
}

/**
 * Opens a container with the passphrase of any of its slots; takes about 0.2 s a slot at the default cost.
 * @throws ContainerError `container_wrong_passphrase`; `container_damaged` when the header is not as it was
 * written; `container_too_new` when a later release wrote it, or protected it only by means that this one does
 * not know
 */
export async function openContainer(header: Uint8Array, passphrase: Uint8Array): Promise<Uint8Array> {
  return (await find(decodeHeader(header), passphrase)).masterKey;
}

/**
 * The header with one more passphrase slot.
 * @throws ContainerError on a header that cannot be read; RangeError when it is full
 */
export async function addPassphraseSlot(open: OpenContainer, protection: Protection): Promise<Uint8Array> {
  const slots = decodeHeader(open.header);
  if (slots.length >= SLOTS_MAX) throw new RangeError('a container has at most eight slots');
  return encodeHeader([...slots, await seal(open.masterKey, protection)]);
}

/**
 * The header in which `next` has taken the place of the passphrase `current`. The master key stays, so data
 * need not be written again; whoever has a copy of the old header and the old passphrase can still open the
 * container.
 */
export async function changePassphrase(
  header: Uint8Array,
  current: Uint8Array,
  next: Protection,
): Promise<Uint8Array> {
  const slots = decodeHeader(header);
  const { slot, masterKey } = await find(slots, current);
  const changed = await seal(masterKey, next);
  masterKey.fill(0);
  return encodeHeader(slots.map((one) => (one === slot ? changed : one)));
}

/**
 * The header without the slot of this passphrase.
 * @throws RangeError when nothing else would open the container
 */
export async function removePassphraseSlot(header: Uint8Array, passphrase: Uint8Array): Promise<Uint8Array> {
  const slots = decodeHeader(header);
  const { slot, masterKey } = await find(slots, passphrase);
  masterKey.fill(0);
  const left = slots.filter((one) => one !== slot);
  if (!left.some((one) => one.type === 'passphrase'))
    throw new RangeError('the last passphrase slot must stay');
  return encodeHeader(left);
}

/**
 * The raw key of the container's database (SQLCipher), 32 bytes: HKDF-SHA-256 of the master key under its
 * own label.
 */
export function databaseKey(masterKey: Uint8Array): Uint8Array {
  if (masterKey.length !== MASTER_KEY_BYTES) throw new RangeError('a master key is 32 bytes');
  return new Uint8Array(hkdfSync('sha256', masterKey, '', LABELS.containerDatabase, MASTER_KEY_BYTES));
}

function seal(masterKey: Uint8Array, { passphrase, cost }: Protection): Promise<PassphraseSlot> {
  return sealSlot(masterKey, { passphrase, cost: cost ?? DEFAULT_ARGON2ID_COST });
}

async function find(
  slots: readonly Slot[],
  passphrase: Uint8Array,
): Promise<{ readonly slot: PassphraseSlot; readonly masterKey: Uint8Array }> {
  const candidates = slots.filter((slot): slot is PassphraseSlot => slot.type === 'passphrase');
  if (candidates.length === 0) {
    throw new ContainerError('container_too_new', 'a container that no passphrase opens');
  }
  for (const slot of candidates) {
    const masterKey = await openSlot(slot, passphrase);
    if (masterKey !== undefined) return { slot, masterKey };
  }
  throw new ContainerError(
    'container_wrong_passphrase',
    'no slot of the container opens with this passphrase',
  );
}
