/**
 * Data keys of a space (wire.md §5). The space's own key (a tenant's, or that of the control file) is given at opening; keys
 * of subjects lie in the collection `data-keys` of the same space, wrapped by the provider. A subject's key is made at the
 * first seal and committed together with what it seals. Destroying that row is destroying all that it sealed.
 */
import { DATA_KEY_ID_BYTES, type DataKey, framed } from '@kuvert/crypto/sealing';
import { KuvertError } from '@kuvert/protocol';
import { z } from 'zod';
import type { KeyProvider } from '../keys/key-provider.ts';
import { collection } from './collection.ts';

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not a byte string');

/** A wrapped data key as a document. `wrappingKey` is the version of the provider's key. */
export const WrappedDataKey = z.object({
  subject: z.string(),
  keyId: bytes,
  wrappingKey: z.string(),
  wrapped: bytes,
});

/** Keys of the subjects of a space, in its own file. */
export const dataKeys = collection('data-keys', {
  document: WrappedDataKey,
  key: ['subject'],
  indexes: { byWrappingKey: ['wrappingKey'] },
});

/** Spaces of tenants with their own keys, in the control file. */
export const tenantSpaces = collection('tenant-spaces', {
  document: WrappedDataKey.extend({ state: z.enum(['creating', 'ready']) }),
  key: ['subject'],
  indexes: { byWrappingKey: ['wrappingKey'] },
  scope: 'operator',
});

/**
 * Under which version data keys of this space are wrapped from now on; no row before the first rotation. A rotation writes it before it looks
 * for what is wrapped under older versions, and whoever commits a fresh data key relies on it, so that no server can commit one under a
 * version that another is about to retire.
 */
export const wrappingStates = collection('wrapping-states', {
  document: z.object({ name: z.literal('current'), wrappingKey: z.string() }),
  key: ['name'],
});

/** The name under which fields without a subject of their own are sealed. */
export const OWN_SUBJECT = 'tenant';

/** What a wrapped key is bound to: the space and the subject. */
function wrappingContext(space: string, subject: string): Uint8Array {
  return framed(space, subject);
}

/** Wraps a key for the row of a subject. */
export async function wrapDataKey(
  provider: KeyProvider,
  owner: { readonly space: string; readonly subject: string },
  dataKey: DataKey,
): Promise<z.output<typeof WrappedDataKey>> {
  const wrapped = await provider.wrap(dataKey.key, wrappingContext(owner.space, owner.subject));
  return { subject: owner.subject, keyId: dataKey.id, wrappingKey: wrapped.keyId, wrapped: wrapped.wrapped };
}

/** Opens the key in a row. @throws KuvertError `keys_wrong` */
export async function unwrapDataKey(
  provider: KeyProvider,
  owner: { readonly space: string; readonly subject: string },
  row: z.output<typeof WrappedDataKey>,
): Promise<DataKey> {
  if (row.keyId.length !== DATA_KEY_ID_BYTES) throw new KuvertError('data_damaged');
  const wrapped = { keyId: row.wrappingKey, wrapped: row.wrapped };
  return { id: row.keyId, key: await provider.unwrap(wrapped, wrappingContext(owner.space, owner.subject)) };
}

/** Opened data keys in memory: bounded, the least recently used goes first. */
export class DataKeyCache {
  readonly #keys = new Map<string, DataKey>();
  readonly #max: number;

  constructor(max = 10_000) {
    this.#max = max;
  }

  get(space: string, subject: string): DataKey | undefined {
    const name = `${space} ${subject}`;
    const found = this.#keys.get(name);
    if (found !== undefined) {
      this.#keys.delete(name);
      this.#keys.set(name, found);
    }
    return found;
  }

  set(space: string, subject: string, dataKey: DataKey): void {
    this.#keys.set(`${space} ${subject}`, dataKey);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > this.#max && oldest !== undefined) this.#keys.delete(oldest);
  }

  /** To be called when a subject's key is destroyed. */
  forget(space: string, subject: string): void {
    this.#keys.delete(`${space} ${subject}`);
  }
}
