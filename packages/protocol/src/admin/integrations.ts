/** Programs that use the API with a key of their own: scoped, revocable, never signed in. */
import { z } from 'zod';
import { displayName, idSchema } from '../schemas.ts';
import { apiTime, operation } from './operation.ts';
import { PERMISSIONS, type Permission } from './permissions.ts';

const tenantParams = z.object({ tenantId: idSchema('tenant') });
const permission = z.enum(
  (Object.keys(PERMISSIONS) as Permission[]).filter((name) =>
    (PERMISSIONS[name].roles as readonly string[]).includes('integration'),
  ) as [Permission, ...Permission[]],
);

const Integration = z.object({
  integrationId: idSchema('integration'),
  name: displayName,
  permissions: z.array(permission).min(1).max(20),
  createdAt: apiTime,
  expiresAt: apiTime,
  lastUsedAt: apiTime.nullable(),
});

const exampleIntegration = {
  integrationId: 'ig_…',
  name: 'Personnel system',
  permissions: ['people.read', 'people.create'],
  createdAt: '2026-01-02T08:00:00.000Z',
  expiresAt: '2026-04-02T08:00:00.000Z',
  lastUsedAt: null,
};

export const integrationList = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/integrations',
  summary: 'Lists the programs that may use this tenant’s API.',
  access: 'integrations.read',
  params: tenantParams,
  result: z.object({ integrations: z.array(Integration).max(1_000) }),
  example: { params: { tenantId: 'tn_…' }, result: { integrations: [exampleIntegration] } },
});

export const integrationCreate = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/integrations',
  summary: 'Makes a key for a program, with the permissions named and no others. It is shown this once.',
  access: 'integrations.change',
  stepUp: true,
  idempotent: true,
  params: tenantParams,
  body: z.object({
    name: displayName,
    permissions: z.array(permission).min(1).max(20),
    validDays: z.int().min(1).max(366),
  }),
  result: Integration.extend({ key: z.string() }),
  example: {
    params: { tenantId: 'tn_…' },
    body: { name: 'Personnel system', permissions: ['people.read', 'people.create'], validDays: 90 },
    result: { ...exampleIntegration, key: 'kvi_…' },
  },
});

export const integrationRevoke = operation({
  method: 'DELETE',
  path: '/tenants/{tenantId}/integrations/{integrationId}',
  summary: 'Revokes a program’s key, at once.',
  access: 'integrations.change',
  params: tenantParams.extend({ integrationId: idSchema('integration') }),
  example: { params: { tenantId: 'tn_…', integrationId: 'ig_…' } },
});
