/** Operator calls about the keys of the installation. */
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Store } from '../store/index.ts';
import { defineOperatorRoutes } from './operator-routes.ts';

/** @see operatorCalls */
export const keysOperatorRoutes = (store: Pick<Store, 'rotateWrappingKey'>, keys: KeyProvider) =>
  defineOperatorRoutes({
    keysRotate: async () => {
      const { rewrapped } = await store.rotateWrappingKey();
      return { keyId: keys.currentKeyId(), rewrapped };
    },
  });
