/** The rules of people. */
import { KuvertError, makeId, type Person, type PersonId, type TenantId } from '@kuvert/protocol';
import type { Clock, Random } from '../../clock.ts';
import { type Store, StoreError, type TenantScope } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { people, personTenants } from './collections.ts';

/** One page of people. */
export interface PeoplePage {
  readonly people: Person[];
  readonly next: string | undefined;
}

/** What other features may ask of people. */
export interface PeopleService {
  /** @throws KuvertError `not_found` for an unknown tenant, `mail_taken` */
  add(person: { tenantId: TenantId; name: string; mail: string }): Promise<PersonId>;
  /** @throws KuvertError `not_found` */
  get(scope: TenantScope, personId: PersonId): Promise<Person>;
  /** By exact mail address. @throws KuvertError `not_found` */
  findByMail(scope: TenantScope, mail: string): Promise<Person>;
  /** A page in order of id. @throws KuvertError `cursor_invalid` */
  list(scope: TenantScope, page: { after?: string | undefined; limit: number }): Promise<PeoplePage>;
  /** True for a person of this tenant. */
  exists(scope: TenantScope, personId: PersonId): Promise<boolean>;
  /** For the operator, who names a person by id alone. @throws KuvertError `not_found` */
  tenantOf(personId: PersonId): Promise<TenantId>;
}

/** @see PeopleService */
export function createPeopleService(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly tenants: TenantService;
  readonly audit: AuditRecords;
}): PeopleService {
  const { store, clock, random, tenants, audit } = deps;

  return {
    async add({ tenantId, name, mail }) {
      if (!(await tenants.exists(tenantId))) throw new KuvertError('not_found');
      const personId = makeId('person', random(16));
      const scope = store.tenant(tenantId);
      // Asked first so that the usual mistake leaves no row in the index below; the unique index decides in the end.
      if ((await scope.findBy(people, 'byMail', mail)) !== undefined) throw new KuvertError('mail_taken');
      await store.operator().write((tx) => {
        tx.insert(personTenants, { personId, tenantId });
      });
      try {
        await scope.write((tx) => {
          tx.insert(people, { personId, name, mail, createdAt: clock.nowMs() });
          audit.inTenant(tx, tenantId, { action: 'person.added', object: personId, after: { name, mail } });
        });
      } catch (error) {
        if (error instanceof StoreError && error.code === 'not_unique') {
          await store.operator().write((tx) => {
            tx.delete(personTenants, personId);
          });
          throw new KuvertError('mail_taken', { cause: error });
        }
        throw error;
      }
      return personId;
    },

    async get(scope, personId) {
      return toPerson(await scope.get(people, personId));
    },

    async findByMail(scope, mail) {
      const row = await scope.findBy(people, 'byMail', mail);
      if (row === undefined) throw new KuvertError('not_found');
      return toPerson(row);
    },

    async list(scope, { after, limit }) {
      const page = await scope.list(people, { limit, ...(after === undefined ? {} : { cursor: after }) });
      return { people: page.rows.map(toPerson), next: page.next };
    },

    async exists(scope, personId) {
      return (await scope.find(people, personId)) !== undefined;
    },

    async tenantOf(personId) {
      const row = await store.operator().get(personTenants, personId);
      if (!(await store.tenant(row.tenantId).find(people, personId))) throw new KuvertError('not_found');
      return row.tenantId;
    },
  };
}

function toPerson(row: Person): Person {
  return { personId: row.personId, name: row.name, mail: row.mail };
}
