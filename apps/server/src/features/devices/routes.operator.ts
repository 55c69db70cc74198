/** Operator calls about devices. */
import { defineOperatorRoutes } from '../../http/operator-routes.ts';
import type { DeviceService } from './service.ts';
import type { Tokens } from './tokens.ts';

/** @see operatorCalls */
export const deviceOperatorRoutes = (parts: { readonly devices: DeviceService; readonly tokens: Tokens }) =>
  defineOperatorRoutes({
    tokenCreate: async ({ personId }) => {
      const { token, expiresAtMs } = await parts.tokens.create(personId);
      return { token, expiresAt: new Date(expiresAtMs).toISOString() };
    },
    personReset: async ({ personId }) => {
      const { token, expiresAtMs } = await parts.tokens.create(personId, 'reset');
      return { token, expiresAt: new Date(expiresAtMs).toISOString() };
    },
    deviceRevoke: async ({ deviceId }) => {
      await parts.devices.revoke(deviceId);
      return {};
    },
  });
