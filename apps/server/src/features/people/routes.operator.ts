/** Operator calls about people. */
import { defineOperatorRoutes } from '../../http/operator-routes.ts';
import type { PeopleService } from './service.ts';

/** @see operatorCalls */
export const peopleOperatorRoutes = (people: PeopleService) =>
  defineOperatorRoutes({
    personAdd: async (person) => ({ personId: await people.add(person) }),
  });
