/** What anybody may know of an installation before signing in. */
import { z } from 'zod';
import { operation } from './operation.ts';

/** Version, and whether an operator exists; for the first screen of whoever opens the dashboard. */
export const installationGet = operation({
  method: 'GET',
  path: '/installation',
  summary: 'Says what this server is and whether it has been set up.',
  access: 'public',
  result: z.object({
    product: z.literal('Kuvert'),
    apiVersions: z.array(z.string().max(20)).max(10),
    isSetUp: z.boolean(),
  }),
  example: { result: { product: 'Kuvert', apiVersions: ['v1'], isSetUp: true } },
});
