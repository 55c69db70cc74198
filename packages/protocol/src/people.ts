/** People of one's own tenant: look-up and list. */
import { z } from 'zod';
import { method } from './method.ts';
import { cursor, displayName, idSchema, mailAddress } from './schemas.ts';

/** A person as colleagues see them. */
export const Person = z.object({ personId: idSchema('person'), name: displayName, mail: mailAddress });
export type Person = z.infer<typeof Person>;

/** All people of the caller's tenant, page by page. */
export const peopleList = method({
  name: 'people.list',
  access: 'device',
  params: z.object({ after: cursor.optional(), limit: z.number().int().min(1).max(500).default(200) }),
  result: z.object({ people: z.array(Person).max(500), next: cursor.optional() }),
});

/** One person by exact mail address. Error `not_found`. */
export const peopleFind = method({
  name: 'people.find',
  access: 'device',
  params: z.object({ mail: mailAddress }),
  result: z.object({ person: Person }),
});

/** One person by id. Error `not_found`. */
export const peopleGet = method({
  name: 'people.get',
  access: 'device',
  params: z.object({ personId: idSchema('person') }),
  result: z.object({ person: Person }),
});
