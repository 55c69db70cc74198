/** Operator calls about the keys of the installation. */
import type { AuditRecords } from '../features/audit/index.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Store } from '../store/index.ts';
import { defineOperatorRoutes } from './operator-routes.ts';

/** @see operatorCalls */
export const keysOperatorRoutes = (
  store: Pick<Store, 'rotateWrappingKey'>,
  keys: KeyProvider,
  audit: AuditRecords,
) =>
  defineOperatorRoutes({
    keysRotate: async () => {
      const { rewrapped } = await store.rotateWrappingKey();
      await audit.note(['operator'], { action: 'keys.rotated' });
      return { keyId: keys.currentKeyId(), rewrapped };
    },
  });
