/** What devices may ask about prekeys. */
import { defineDeviceRoutes } from '../../channel/routes.ts';
import type { ExchangeService } from '../pools/index.ts';
import type { PrekeyService } from './service.ts';

/** @see METHODS */
export const prekeyDeviceRoutes = (
  prekeys: PrekeyService,
  exchange: Pick<ExchangeService, 'requireBetween'>,
) =>
  defineDeviceRoutes({
    'prekeys.take': async (caller, request) => {
      exchange.requireBetween(caller.personId, request.personId);
      return prekeys.take(caller, request);
    },
    'prekeys.upload': async (caller, upload) => ({ counts: await prekeys.upload(caller, upload) }),
    'prekeys.count': async (caller) => ({ counts: await prekeys.count(caller) }),
  });
