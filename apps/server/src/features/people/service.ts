/** The rules of people. */
import { KuvertError, makeId, type Person, type PersonId, type TenantId } from '@kuvert/protocol';
import type { Clock, Random } from '../../clock.ts';
import { type NoteEffect, requireVersion, UNNOTED } from '../../effects.ts';
import { type RowOf, type Store, StoreError, type TenantScope, type Tx } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { people, personTenants } from './collections.ts';

/** How many pages a search reads before it answers with what it has. */
const SEARCH_READS_MAX = 20;

/** One page of people. */
export interface PeoplePage {
  readonly people: Person[];
  readonly next: string | undefined;
}

/** A person as it is stored. */
export type PersonRow = RowOf<typeof people>;

/** One page of rows. */
export interface PersonRows {
  readonly rows: readonly PersonRow[];
  readonly next: string | undefined;
}

/** What other features may ask of people. */
export interface PeopleService {
  /** @throws KuvertError `not_found` for an unknown tenant, `mail_taken` */
  add(
    person: { tenantId: TenantId; name: string; mail: string },
    note?: (row: PersonRow) => NoteEffect<'tenant'>,
  ): Promise<PersonId>;
  /** @throws KuvertError `not_found` */
  row(scope: TenantScope, personId: PersonId): Promise<PersonRow>;
  /** Those with a mail address, or those in whose name or address all words stand, or all. @throws KuvertError `cursor_invalid` */
  search(
    scope: TenantScope,
    asked: {
      mail?: string | undefined;
      words?: string | undefined;
      cursor?: string | undefined;
      limit: number;
    },
  ): Promise<PersonRows>;
  /** Changes what is given. @throws KuvertError `not_found`, `version_conflict`, `mail_taken` */
  change(
    scope: TenantScope,
    personId: PersonId,
    change: {
      readonly name?: string | undefined;
      readonly mail?: string | undefined;
      readonly ifMatch: string | undefined;
      readonly note: NoteEffect<'tenant'>;
    },
  ): Promise<PersonRow>;
  /** @throws KuvertError `not_found` */
  get(scope: TenantScope, personId: PersonId): Promise<Person>;
  /** By exact mail address. @throws KuvertError `not_found` */
  findByMail(scope: TenantScope, mail: string): Promise<Person>;
  /** A page in order of id. @throws KuvertError `cursor_invalid` */
  list(scope: TenantScope, page: { after?: string | undefined; limit: number }): Promise<PeoplePage>;
  /**
   * Locks a person out, or lets them in again, in a transaction that does the same with their devices (`devices/locking.ts`).
   * @returns false when they are so already
   * @throws KuvertError `not_found`
   */
  setLocked(tx: Tx<'tenant'>, personId: PersonId, isLocked: boolean): Promise<boolean>;
  /** Takes a person out for good, with the key that sealed what is theirs. @throws KuvertError `not_found` */
  remove(tx: Tx<'tenant'>, personId: PersonId): Promise<void>;
  /** Forgets in which tenant somebody was who is removed. May be repeated. */
  removed(personId: PersonId): Promise<void>;
  /**
   * Makes sure, in a transaction that conflicts with a lock, that somebody may get devices.
   * @throws KuvertError `person_locked`, `token_not_valid` for somebody who is not there any more
   */
  requireOpen(tx: Pick<Tx<'tenant'>, 'find'>, personId: PersonId): Promise<void>;
  /** The same for what only asks that they are there. @throws KuvertError `not_found` */
  requireThere(tx: Pick<Tx<'tenant'>, 'get'>, personId: PersonId): Promise<void>;
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
    async add({ tenantId, name, mail }, note) {
      if (!(await tenants.exists(tenantId))) throw new KuvertError('not_found');
      const personId = makeId('person', random(16));
      const scope = store.tenant(tenantId);
      // Asked first so that the usual mistake leaves no row in the index below; the unique index decides in the end.
      if ((await scope.findBy(people, 'byMail', mail)) !== undefined) throw new KuvertError('mail_taken');
      await store.operator().write((tx) => {
        tx.insert(personTenants, { personId, tenantId });
      });
      try {
        const row = { personId, name, mail, createdAt: clock.nowMs() };
        const noted = note?.(row) ?? UNNOTED.tenant;
        await scope.write(async (tx) => {
          tx.insert(people, row);
          audit.inTenant(tx, tenantId, {
            action: 'person.added',
            object: personId,
            objectName: name,
            after: { name, mail },
          });
          await noted(tx, {});
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

    row: (scope, personId) => scope.get(people, personId),

    async search(scope, { mail, words, cursor, limit }) {
      if (mail !== undefined) {
        const row = await scope.findBy(people, 'byMail', mail);
        return { rows: row === undefined || !fits(row, words) ? [] : [row], next: undefined };
      }
      const found: PersonRow[] = [];
      let at = cursor;
      for (let read = 0; read < SEARCH_READS_MAX; read++) {
        const page = await scope.list(people, {
          limit: limit - found.length,
          ...(at === undefined ? {} : { cursor: at }),
        });
        found.push(...page.rows.filter((row) => fits(row, words)));
        at = page.next;
        if (at === undefined || found.length >= limit) break;
      }
      return { rows: found, next: at };
    },

    async change(scope, personId, { name, mail, ifMatch, note }) {
      try {
        return await scope.write(async (tx) => {
          const before = await tx.get(people, personId);
          requireVersion(before, ifMatch);
          const after = { ...before, ...(name && { name }), ...(mail && { mail }) };
          tx.put(people, after);
          await note(tx, {
            object: personId,
            before: { name: before.name, mail: before.mail },
            after: { name: after.name, mail: after.mail },
          });
          return after;
        });
      } catch (error) {
        if (error instanceof StoreError && error.code === 'not_unique')
          throw new KuvertError('mail_taken', { cause: error });
        throw error;
      }
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

    async setLocked(tx, personId, isLocked) {
      const { lockedAt, ...row } = await tx.get(people, personId);
      if ((lockedAt !== undefined) === isLocked) return false;
      tx.put(people, isLocked ? { ...row, lockedAt: clock.nowMs() } : row);
      return true;
    },

    async remove(tx, personId) {
      await tx.get(people, personId);
      tx.delete(people, personId);
      tx.destroyKey(personId);
    },

    async removed(personId) {
      await store.operator().write((tx) => {
        tx.delete(personTenants, personId);
      });
    },

    async requireOpen(tx, personId) {
      const row = await tx.find(people, personId);
      if (row === undefined) throw new KuvertError('token_not_valid');
      if (row.lockedAt !== undefined) throw new KuvertError('person_locked');
    },

    async requireThere(tx, personId) {
      await tx.get(people, personId);
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

/** Whether every word stands in name or address. Names are sealed, so they can only be looked through. */
function fits({ name, mail }: PersonRow, words: string | undefined): boolean {
  if (words === undefined) return true;
  const text = `${name}\n${mail}`.normalize('NFKC').toLowerCase();
  return words
    .normalize('NFKC')
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function toPerson(row: Person): Person {
  return { personId: row.personId, name: row.name, mail: row.mail };
}
