/** Opens a store to serve from it: with every row in the form of this release before anybody reads one. */
import { migrate } from './migrations.ts';
import { openSpaceStore, type StoreOptions } from './open-store.ts';
import type { Store } from './store.ts';

/** @throws KuvertError as `openSpaceStore` and `migrate` do */
export async function openStore(options: StoreOptions): Promise<Store> {
  const store = await openSpaceStore(options);
  try {
    await migrate(store);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
