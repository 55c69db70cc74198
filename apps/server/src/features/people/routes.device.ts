/** What devices may ask about the people of their tenant. */
import { defineDeviceRoutes } from '../../channel/routes.ts';
import type { createProbes } from './probes.ts';
import type { PoolsOfPeople } from './routes.admin.ts';
import type { PeopleService } from './service.ts';

/** @see METHODS */
export const peopleDeviceRoutes = (
  people: PeopleService,
  probe: ReturnType<typeof createProbes>,
  pools: Pick<PoolsOfPeople, 'requireFeature'>,
) =>
  defineDeviceRoutes({
    'people.list': async ({ scope, personId }, params) => {
      await pools.requireFeature(scope, personId, 'directory');
      const page = await people.list(scope, params);
      return { people: page.people, ...(page.next === undefined ? {} : { next: page.next }) };
    },
    'people.find': async (caller, { mail }) => ({
      person: await probe(caller, () => people.findByMail(caller.scope, mail)),
    }),
    'people.get': async ({ scope }, { personId }) => ({ person: await people.get(scope, personId) }),
  });
