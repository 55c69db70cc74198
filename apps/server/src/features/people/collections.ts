/** What is stored of people. */
import { displayName, idSchema, mailAddress, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import { collection } from '../../store/index.ts';

/** The people of a tenant. */
export const people = collection('people', {
  document: z.object({
    personId: idSchema('person'),
    name: displayName,
    mail: mailAddress,
    createdAt: timeMs,
    /** Absent while they may use their devices. */
    lockedAt: timeMs.optional(),
  }),
  key: ['personId'],
  sealed: { name: { subject: 'personId' }, mail: { subject: 'personId' } },
  blind: { byMail: { field: 'mail', unique: true } },
});

/** For the operator: in which tenant a person is. Written before the person, so a row may name one who never came to be. */
export const personTenants = collection('person-tenants', {
  scope: 'operator',
  document: z.object({ personId: idSchema('person'), tenantId: idSchema('tenant') }),
  key: ['personId'],
});
