/**
 * A profile with a long past, for benches and tests: entries as the messenger would have kept them, written without sending each. Exported
 * on its own (`@kuvert/client-core/filling`), so that nothing of it is part of a product.
 */
import { randomBytes } from 'node:crypto';
import { conversationIdFor } from '@kuvert/crypto/session';
import { makeId, type Person, utf8 } from '@kuvert/protocol';
import { loadOwnDevice } from '../../own-device.ts';
import { openProfileFolder } from '../profile-folder.ts';

/** Messages that are committed together. */
const BATCH = 2_000;

/** A message of the past. */
export interface PastMessage {
  /** The other side. */
  readonly person: Person;
  readonly direction: 'in' | 'out';
  readonly text: string;
  readonly atMs: number;
}

/** Writes messages into an enrolled profile that nobody has open. @returns how many */
export async function fillProfile(
  profile: { readonly profileDir: string; readonly secret: Uint8Array },
  messages: Iterable<PastMessage>,
): Promise<number> {
  const { store, close } = await openProfileFolder({ ...profile, create: false });
  try {
    const own = loadOwnDevice(store.values);
    if (own === undefined) throw new Error('the profile is not enrolled');
    const { tenantId, personId } = own;
    const devices = new Map<string, ReturnType<typeof newDevice>>();
    const keep = ({ person, direction, text, atMs }: PastMessage): void => {
      const conversationId = conversationIdFor(tenantId, personId, person.personId);
      let device = devices.get(person.personId);
      if (device === undefined) {
        device = newDevice();
        devices.set(person.personId, device);
        store.directory.putPerson(person);
        store.conversations.ensure({
          conversationId,
          personId: person.personId,
          mail: undefined,
          createdAtMs: atMs,
        });
      }
      store.entries.add({
        conversationId,
        direction,
        kind: 'text',
        contentId: makeId('content', Uint8Array.from(randomBytes(16))),
        senderDevice: direction === 'in' ? device.id : own.deviceId,
        senderPerson: direction === 'in' ? person.personId : personId,
        content: utf8(text),
        atMs,
        writtenAtMs: atMs,
        acceptedAtMs: atMs,
        chain: direction === 'in' ? { id: device.chain, seq: ++device.seq } : undefined,
        isUnread: false,
        isPrinted: true,
        timerMs: undefined,
      });
    };
    let count = 0;
    for (const batch of inBatches(messages)) {
      store.transaction(() => batch.forEach(keep));
      count += batch.length;
    }
    return count;
  } finally {
    close();
  }
}

function newDevice() {
  const random = () => Uint8Array.from(randomBytes(16));
  return { id: makeId('device', random()), chain: makeId('chain', random()), seq: 0 };
}

function* inBatches<T>(items: Iterable<T>): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
