/** Tenants: what the operator makes, and what a tenant's own administrators see and change of it. */
import { z } from 'zod';
import { displayName, idSchema, mailAddress } from '../schemas.ts';
import { FeatureChoices } from './features.ts';
import { apiTime, operation, pageEnd, pageQuery } from './operation.ts';

const tenantParams = z.object({ tenantId: idSchema('tenant') });

const Tenant = z.object({
  tenantId: idSchema('tenant'),
  name: displayName,
  createdAt: apiTime,
  /** Since when nobody of it can connect; null while it may go on. */
  suspendedAt: apiTime.nullable(),
});

const TenantWithSettings = Tenant.extend({
  settings: z.object({
    /** What everybody may do who is in no pool that says otherwise. */
    features: FeatureChoices,
  }),
});

/** A code that makes somebody an administrator; shown this once. */
export const InvitationMade = z.object({
  invitationId: idSchema('invitation'),
  code: z.string(),
  expiresAt: apiTime,
});

const exampleTenant = {
  tenantId: 'tn_…',
  name: 'Acme',
  createdAt: '2026-01-02T08:00:00.000Z',
  suspendedAt: null,
};

export const tenantList = operation({
  method: 'GET',
  path: '/tenants',
  summary: 'Lists the tenants of the installation.',
  access: 'tenants.read',
  query: pageQuery,
  result: z.object({ tenants: z.array(Tenant).max(1_000), ...pageEnd }),
  example: { query: { limit: '100' }, result: { tenants: [exampleTenant] } },
});

export const tenantCreate = operation({
  method: 'POST',
  path: '/tenants',
  summary: 'Makes a tenant with keys and storage of its own.',
  access: 'tenants.create',
  idempotent: true,
  body: z.object({ name: displayName }),
  result: Tenant,
  example: { body: { name: 'Acme' }, result: exampleTenant },
});

export const tenantAppoint = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/first-administrator',
  summary:
    'Invites the first administrator of a tenant. Refused from the moment on at which the tenant has one; an earlier such invitation ends with a new one.',
  access: 'operators.change',
  at: 'installation',
  stepUp: true,
  idempotent: true,
  params: tenantParams,
  body: z.object({ mail: mailAddress }),
  result: InvitationMade,
  errors: ['administrator_present'],
  example: {
    params: { tenantId: 'tn_…' },
    body: { mail: 'anna@acme.test' },
    result: { invitationId: 'iv_…', code: 'k3fq-…', expiresAt: '2026-01-05T08:00:00.000Z' },
  },
});

export const tenantSuspend = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/suspend',
  summary:
    'Suspends a tenant, at once: connections of its devices end, none connects or enrols, programs are refused, and its administrators can read but change nothing. Messages that wait go on waiting. Does nothing when it is suspended.',
  access: 'tenants.suspend',
  at: 'installation',
  stepUp: true,
  params: tenantParams,
  example: { params: { tenantId: 'tn_…' } },
});

export const tenantResume = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/resume',
  summary: 'Lets a suspended tenant go on. Does nothing when it is not suspended.',
  access: 'tenants.suspend',
  at: 'installation',
  stepUp: true,
  params: tenantParams,
  example: { params: { tenantId: 'tn_…' } },
});

export const tenantGet = operation({
  method: 'GET',
  path: '/tenants/{tenantId}',
  summary: 'Shows name and settings of a tenant.',
  access: 'tenant.read',
  versioned: true,
  params: tenantParams,
  result: TenantWithSettings,
  example: {
    params: { tenantId: 'tn_…' },
    result: { ...exampleTenant, settings: { features: { directory: 'allowed' } } },
  },
});

export const tenantChange = operation({
  method: 'PATCH',
  path: '/tenants/{tenantId}',
  summary: 'Changes name or settings of a tenant; what is left out stays.',
  access: 'tenant.change',
  versioned: true,
  params: tenantParams,
  body: z.object({
    name: displayName.optional(),
    settings: z.object({ features: FeatureChoices.optional() }).strict().optional(),
  }),
  result: TenantWithSettings,
  example: {
    params: { tenantId: 'tn_…' },
    body: { name: 'Acme GmbH', settings: { features: { directory: 'denied' } } },
    result: { ...exampleTenant, name: 'Acme GmbH', settings: { features: { directory: 'denied' } } },
  },
});
