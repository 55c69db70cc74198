/** What devices may ask about the people of their tenant. */
import { KuvertError, type Person, type PersonId } from '@kuvert/protocol';
import { defineDeviceRoutes } from '../../channel/routes.ts';
import type { createProbes } from './probes.ts';
import type { PoolsOfPeople } from './routes.admin.ts';
import type { PeopleService } from './service.ts';

/** Of the feature `pools`: may these two exchange something? */
export interface ExchangeBetween {
  between(from: PersonId, to: PersonId): { readonly may: boolean };
}

/** @see METHODS */
export const peopleDeviceRoutes = (
  people: PeopleService,
  probe: ReturnType<typeof createProbes>,
  pools: Pick<PoolsOfPeople, 'requireFeature'>,
  exchange: ExchangeBetween,
) => {
  /** Whoever may not talk to somebody does not find them either. @throws KuvertError `not_found` */
  const seen = (caller: { readonly personId: PersonId }, person: Person): Person => {
    if (!exchange.between(caller.personId, person.personId).may) throw new KuvertError('not_found');
    return person;
  };
  return defineDeviceRoutes({
    'people.list': async ({ scope, personId }, params) => {
      await pools.requireFeature(scope, personId, 'directory');
      const page = await people.list(scope, params);
      const visible = page.people.filter((other) => exchange.between(personId, other.personId).may);
      return { people: visible, ...(page.next === undefined ? {} : { next: page.next }) };
    },
    'people.find': async (caller, { mail }) => ({
      person: await probe(caller, async () => seen(caller, await people.findByMail(caller.scope, mail))),
    }),
    'people.get': async (caller, { personId }) => ({
      person: seen(caller, await people.get(caller.scope, personId)),
    }),
  });
};
