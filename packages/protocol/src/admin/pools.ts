/** Pools: named sets of people, by which rights are delegated and features allowed or denied. */
import { z } from 'zod';
import { displayName, idSchema } from '../schemas.ts';
import { FeatureChoices } from './features.ts';
import { apiTime, operation, pageEnd, pageQuery } from './operation.ts';

const tenantParams = z.object({ tenantId: idSchema('tenant') });
const poolParams = tenantParams.extend({ poolId: idSchema('pool') });
const memberParams = poolParams.extend({ personId: idSchema('person') });

const Pool = z.object({
  poolId: idSchema('pool'),
  name: displayName,
  features: FeatureChoices,
  createdAt: apiTime,
});

const examplePool = {
  poolId: 'po_…',
  name: 'Sales',
  features: { directory: 'allowed' },
  createdAt: '2026-01-02T08:00:00.000Z',
};

export const poolList = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/pools',
  summary: 'Lists the pools of a tenant.',
  access: 'pools.read',
  params: tenantParams,
  query: pageQuery,
  result: z.object({ pools: z.array(Pool).max(1_000), ...pageEnd }),
  example: { params: { tenantId: 'tn_…' }, result: { pools: [examplePool] } },
});

export const poolCreate = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/pools',
  summary: 'Makes a pool.',
  access: 'pools.change',
  idempotent: true,
  params: tenantParams,
  body: z.object({ name: displayName, features: FeatureChoices.optional() }),
  result: Pool,
  example: {
    params: { tenantId: 'tn_…' },
    body: { name: 'Sales', features: { directory: 'allowed' } },
    result: examplePool,
  },
});

export const poolGet = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/pools/{poolId}',
  summary: 'Shows a pool.',
  access: 'pools.read',
  versioned: true,
  params: poolParams,
  result: Pool,
  example: { params: { tenantId: 'tn_…', poolId: 'po_…' }, result: examplePool },
});

export const poolChange = operation({
  method: 'PATCH',
  path: '/tenants/{tenantId}/pools/{poolId}',
  summary: 'Changes name or features of a pool; what is left out stays.',
  access: 'pools.change',
  versioned: true,
  params: poolParams,
  body: z.object({ name: displayName.optional(), features: FeatureChoices.optional() }),
  result: Pool,
  example: {
    params: { tenantId: 'tn_…', poolId: 'po_…' },
    body: { features: { 'further-devices': 'denied' } },
    result: { ...examplePool, features: { 'further-devices': 'denied' } },
  },
});

export const poolJoin = operation({
  method: 'PUT',
  path: '/tenants/{tenantId}/pools/{poolId}/people/{personId}',
  summary: 'Puts a person into a pool. Does nothing when they are in it.',
  access: 'pools.members',
  params: memberParams,
  example: { params: { tenantId: 'tn_…', poolId: 'po_…', personId: 'pe_…' } },
});

export const poolLeave = operation({
  method: 'DELETE',
  path: '/tenants/{tenantId}/pools/{poolId}/people/{personId}',
  summary: 'Takes a person out of a pool.',
  access: 'pools.members',
  params: memberParams,
  example: { params: { tenantId: 'tn_…', poolId: 'po_…', personId: 'pe_…' } },
});
