/**
 * Rotation of the wrapping key (design.md §5, B5): a new version, then every data key is wrapped again in small commits, then
 * old versions go, each only when nothing is wrapped under it. A kill between any two steps leaves data that the versions
 * together can open; the next call goes on where this one stopped.
 */
import type { KeyProvider } from '../keys/key-provider.ts';
import { dataKeys, tenantSpaces, unwrapDataKey, wrapDataKey, wrappingStates } from './data-keys.ts';
import type { KeyringPlace } from './engine.ts';
import { rewrapKeyring } from './keyring.ts';
import type { NewKeyCommits } from './new-keys.ts';
import { type SpaceScope, typedScope } from './scope.ts';

/** Rows of one commit. */
const BATCH = 100;

/** What a rotation works on. */
export interface RotationPlace {
  readonly keyring: KeyringPlace;
  readonly provider: KeyProvider;
  readonly control: SpaceScope;
  readonly newKeyCommits: NewKeyCommits;
  /** Scopes of all tenants that have a space. */
  readonly tenants: () => Promise<readonly SpaceScope[]>;
}

/** Rotates, or finishes a rotation that was interrupted. @returns how many data keys were wrapped again. */
export async function rotate(place: RotationPlace): Promise<{ rewrapped: number }> {
  const { provider } = place;
  await provider.refresh();
  // More than one version means that a rotation was interrupted: finishing it counts as this one.
  if (provider.keyIds().length === 1) {
    await provider.addVersion();
  }
  // From here on everything is wrapped under the new version; what began under an old one is waited for.
  await place.newKeyCommits.drained();
  const current = provider.currentKeyId();
  const scopes = [place.control, ...(await place.tenants())];
  for (const scope of scopes) await setCurrent(scope, current);
  const old = provider.keyIds().filter((keyId) => keyId !== current);
  let rewrapped = (await rewrapKeyring(place.keyring, provider)) ? 1 : 0;
  for (const keyId of old) {
    rewrapped += await rewrapSpaces(place, keyId);
    // Tenants that were made meanwhile are among them, and were made under the new version or are found in the control space.
    for (const scope of [place.control, ...(await place.tenants())]) {
      rewrapped += await rewrapSubjects(place, scope, keyId);
    }
    await provider.retire(keyId);
  }
  return { rewrapped };
}

/** From here on no fresh data key under an older version is committed in this space, by whatever server. */
async function setCurrent(scope: SpaceScope, wrappingKey: string): Promise<void> {
  await typedScope<'tenant'>(scope).write(async (tx) => {
    const row = await tx.find(wrappingStates, 'current');
    if (row?.wrappingKey !== wrappingKey) tx.put(wrappingStates, { name: 'current', wrappingKey });
  });
}

async function rewrapSpaces(place: RotationPlace, keyId: string): Promise<number> {
  const control = typedScope<'operator'>(place.control);
  let rewrapped = 0;
  for (;;) {
    const count = await control.write(async (tx) => {
      const { rows } = await tx.list(tenantSpaces, { index: 'byWrappingKey', equals: [keyId], limit: BATCH });
      for (const row of rows) {
        const owner = { space: row.subject, subject: 'tenant' };
        const wrapped = await wrapDataKey(
          place.provider,
          owner,
          await unwrapDataKey(place.provider, owner, row),
        );
        tx.put(tenantSpaces, { ...row, wrappingKey: wrapped.wrappingKey, wrapped: wrapped.wrapped });
      }
      return rows.length;
    });
    rewrapped += count;
    if (count === 0) return rewrapped;
  }
}

async function rewrapSubjects(place: RotationPlace, scope: SpaceScope, keyId: string): Promise<number> {
  const typed = typedScope<'tenant'>(scope);
  let rewrapped = 0;
  for (;;) {
    const count = await typed.write(async (tx) => {
      const { rows } = await tx.list(dataKeys, { index: 'byWrappingKey', equals: [keyId], limit: BATCH });
      for (const row of rows) {
        const owner = { space: scope.space.name, subject: row.subject };
        const wrapped = await wrapDataKey(
          place.provider,
          owner,
          await unwrapDataKey(place.provider, owner, row),
        );
        tx.put(dataKeys, wrapped);
      }
      return rows.length;
    });
    rewrapped += count;
    if (count === 0) return rewrapped;
  }
}
