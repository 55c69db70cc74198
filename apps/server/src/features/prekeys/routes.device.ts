/** What devices may ask about prekeys. */
import { defineDeviceRoutes } from '../../channel/routes.ts';
import type { PrekeyService } from './service.ts';

/** @see METHODS */
export const prekeyDeviceRoutes = (prekeys: PrekeyService) =>
  defineDeviceRoutes({
    'prekeys.take': (caller, request) => prekeys.take(caller, request),
    'prekeys.upload': async (caller, upload) => ({ counts: await prekeys.upload(caller, upload) }),
    'prekeys.count': async (caller) => ({ counts: await prekeys.count(caller) }),
  });
