/** What devices may ask about the people of their tenant. */
import { defineDeviceRoutes } from '../../channel/routes.ts';
import type { PeopleService } from './service.ts';

/** @see METHODS */
export const peopleDeviceRoutes = (people: PeopleService) =>
  defineDeviceRoutes({
    'people.list': async ({ scope }, params) => {
      const page = await people.list(scope, params);
      return { people: page.people, ...(page.next === undefined ? {} : { next: page.next }) };
    },
    'people.find': async ({ scope }, { mail }) => ({ person: await people.findByMail(scope, mail) }),
    'people.get': async ({ scope }, { personId }) => ({ person: await people.get(scope, personId) }),
  });
