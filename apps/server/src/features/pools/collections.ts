/** What is stored of pools. */
import { displayName, idSchema, timeMs } from '@kuvert/protocol';
import { FeatureChoices } from '@kuvert/protocol/admin';
import { z } from 'zod';
import { collection } from '../../store/index.ts';

/** The pools of a tenant. */
export const pools = collection('pools', {
  document: z.object({
    poolId: idSchema('pool'),
    name: displayName,
    features: FeatureChoices,
    createdAt: timeMs,
  }),
  key: ['poolId'],
  sealed: ['name'],
});

/** Who is in which pool. */
export const poolMembers = collection('pool-members', {
  document: z.object({ poolId: idSchema('pool'), personId: idSchema('person') }),
  key: ['poolId', 'personId'],
  indexes: { byPerson: ['personId', 'poolId'] },
});
