/** People of a tenant, their enrolment tokens and devices; the same for the people of one pool. */
import { z } from 'zod';
import { displayName, idSchema, mailAddress } from '../schemas.ts';
import { FEATURES, type Feature } from './features.ts';
import { type AdminOperation, apiTime, operation, pageEnd, pageQuery } from './operation.ts';

const tenantParams = z.object({ tenantId: idSchema('tenant') });
const personParams = tenantParams.extend({ personId: idSchema('person') });
const deviceParams = tenantParams.extend({ deviceId: idSchema('device') });
const poolPart = { poolId: idSchema('pool') };

const Person = z.object({
  personId: idSchema('person'),
  name: displayName,
  mail: mailAddress,
  createdAt: apiTime,
  /** Since when none of their devices may connect; null while they may. */
  lockedAt: apiTime.nullable(),
});
const Device = z.object({
  deviceId: idSchema('device'),
  state: z.enum(['active', 'revoked']),
  enrolledAt: apiTime,
  revokedAt: apiTime.nullable(),
});
const TokenMade = z.object({ token: z.string(), expiresAt: apiTime });

const examplePerson = {
  personId: 'pe_…',
  name: 'Ben',
  mail: 'ben@acme.test',
  createdAt: '2026-01-02T08:00:00.000Z',
  lockedAt: null,
};
const exampleDevice = {
  deviceId: 'de_…',
  state: 'active',
  enrolledAt: '2026-01-02T08:00:00.000Z',
  revokedAt: null,
};

export const personList = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/people',
  summary:
    'Lists people, or searches: with `q` those whose name or mail address contains each of its words. A search looks at a bounded number of people for each page, so a page may be short or empty and have a `next`.',
  access: 'people.read',
  params: tenantParams,
  query: pageQuery.extend({ q: z.string().trim().min(1).max(200).optional(), mail: mailAddress.optional() }),
  result: z.object({ people: z.array(Person).max(1_000), ...pageEnd }),
  example: {
    params: { tenantId: 'tn_…' },
    query: { q: 'ben', limit: '50' },
    result: { people: [examplePerson] },
  },
});

export const personCreate = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/people',
  summary: 'Adds a person. A device enrols with a token that is made for the person.',
  access: 'people.create',
  idempotent: true,
  params: tenantParams,
  body: z.object({ name: displayName, mail: mailAddress }),
  result: Person,
  errors: ['mail_taken'],
  example: {
    params: { tenantId: 'tn_…' },
    body: { name: 'Berta', mail: 'berta@acme.test' },
    result: { ...examplePerson, name: 'Berta', mail: 'berta@acme.test' },
  },
});

export const personGet = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/people/{personId}',
  summary: 'Shows a person.',
  access: 'people.read',
  versioned: true,
  params: personParams,
  result: Person,
  example: { params: { tenantId: 'tn_…', personId: 'pe_…' }, result: examplePerson },
});

export const personChange = operation({
  method: 'PATCH',
  path: '/tenants/{tenantId}/people/{personId}',
  summary: 'Changes name or mail address of a person; what is left out stays.',
  access: 'people.change',
  versioned: true,
  params: personParams,
  body: z.object({ name: displayName.optional(), mail: mailAddress.optional() }),
  result: Person,
  errors: ['mail_taken'],
  example: {
    params: { tenantId: 'tn_…', personId: 'pe_…' },
    body: { name: 'Benjamin' },
    result: { ...examplePerson, name: 'Benjamin' },
  },
});

export const personFeatures = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/people/{personId}/features',
  summary: 'Says what a person may do, and what decides it.',
  access: 'people.read',
  params: personParams,
  result: z.object({
    features: z
      .array(
        z.object({
          feature: z.enum(Object.keys(FEATURES) as [Feature, ...Feature[]]),
          isAllowed: z.boolean(),
          /** The pools that have decided it; empty when it is the tenant's setting, or nobody has said anything. */
          decidedBy: z.array(idSchema('pool')).max(100),
        }),
      )
      .max(100),
  }),
  example: {
    params: { tenantId: 'tn_…', personId: 'pe_…' },
    result: { features: [{ feature: 'directory', isAllowed: true, decidedBy: [] }] },
  },
});

export const tokenCreate = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/people/{personId}/tokens',
  summary: 'Makes a token with which one device of a person enrols, once. It is shown this once.',
  access: 'tokens.create',
  idempotent: true,
  params: personParams,
  result: TokenMade,
  example: {
    params: { tenantId: 'tn_…', personId: 'pe_…' },
    result: { token: 'kuvert1_…', expiresAt: '2026-01-09T08:00:00.000Z' },
  },
});

export const personReset = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/people/{personId}/reset',
  summary:
    'For somebody who has lost all devices that may sign: makes a token whose device takes the place of all others. Everybody they write with is told.',
  access: 'people.reset',
  stepUp: true,
  idempotent: true,
  params: personParams,
  result: TokenMade,
  example: {
    params: { tenantId: 'tn_…', personId: 'pe_…' },
    result: { token: 'kuvert1_…', expiresAt: '2026-01-09T08:00:00.000Z' },
  },
});

export const personLock = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/people/{personId}/lock',
  summary:
    'Locks a person out, at once: connections of their devices end, and none connects, enrols or is linked until they are let in again. Nothing is removed; messages to them wait. Does nothing when they are locked.',
  access: 'people.lock',
  params: personParams,
  example: { params: { tenantId: 'tn_…', personId: 'pe_…' } },
});

export const personUnlock = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/people/{personId}/unlock',
  summary:
    'Lets a locked person in again, with the devices that they have. Does nothing when they are not locked.',
  access: 'people.lock',
  params: personParams,
  example: { params: { tenantId: 'tn_…', personId: 'pe_…' } },
});

export const personErase = operation({
  method: 'DELETE',
  path: '/tenants/{tenantId}/people/{personId}',
  summary:
    'Erases a person for good: their name and address go with the key that sealed them, also in the audit log, and all their devices end. Ids stay in the log, and what others have received stays theirs. Always takes two.',
  access: 'people.erase',
  stepUp: true,
  fourEyes: () => true,
  fourEyesIn: 'tenant',
  params: personParams,
  example: { params: { tenantId: 'tn_…', personId: 'pe_…' } },
});

export const deviceList = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/people/{personId}/devices',
  summary: 'Lists the devices of a person.',
  access: 'devices.read',
  params: personParams,
  result: z.object({ devices: z.array(Device).max(100) }),
  example: {
    params: { tenantId: 'tn_…', personId: 'pe_…' },
    result: { devices: [exampleDevice] },
  },
});

export const deviceRevoke = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/devices/{deviceId}/revoke',
  summary: 'Locks a device out, at once and for good. Its connection ends; what waits for it is removed.',
  access: 'devices.revoke',
  params: deviceParams,
  example: { params: { tenantId: 'tn_…', deviceId: 'de_…' } },
});

/** The same operation for the people of one pool: what a grant for that pool allows. */
function inPool<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodObject | undefined,
  R extends z.ZodObject | undefined,
>(one: AdminOperation<P, Q, B, R>) {
  const { example } = one;
  return {
    ...one,
    path: one.path.replace('{tenantId}', '{tenantId}/pools/{poolId}'),
    summary: `The same for somebody in a pool. ${one.summary}`,
    params: one.params.extend(poolPart) as z.ZodObject<P['shape'] & typeof poolPart>,
    example: { ...example, params: { ...example.params, poolId: 'po_…' } },
  } satisfies AdminOperation;
}

export const poolPersonList = {
  ...inPool(personList),
  summary: 'Lists the people in a pool.',
  query: pageQuery,
  example: {
    params: { tenantId: 'tn_…', poolId: 'po_…' },
    query: { limit: '100' },
    result: { people: [examplePerson] },
  },
} satisfies AdminOperation;
export const poolTokenCreate = inPool(tokenCreate);
export const poolDeviceList = inPool(deviceList);
export const poolDeviceRevoke = inPool(deviceRevoke);
export const poolPersonLock = inPool(personLock);
export const poolPersonUnlock = inPool(personUnlock);
