/**
 * Who holds which role where. Nobody gives what they do not hold, and the last one who may administer a place cannot be removed, also when two try at once: both
 * touch the guard of that place.
 */
import { type AdministratorId, KuvertError } from '@kuvert/protocol';
import { type Grant, type GrantScope, holdsAllOf, ROLE_SCOPES } from '@kuvert/protocol/admin';
import type { NoteEffect } from '../../effects.ts';
import type { RowOf, Store, Tx } from '../../store/index.ts';
import { administratorPlaces, administrators } from './collections.ts';
import { INSTALLATION, type Place, placeOfScope } from './places.ts';
import type { Sessions } from './sessions.ts';

export { INSTALLATION, type Place, placeOfScope };

type Administrator = RowOf<typeof administrators>;

const PLACE_ADMINISTRATORS_MAX = 1_000;
const GRANTS_MAX = 100;

/** @see the head of this file */
export class Grants {
  readonly #store: Pick<Store, 'operator'>;
  readonly #sessions: Sessions;

  constructor(deps: { readonly store: Pick<Store, 'operator'>; readonly sessions: Sessions }) {
    this.#store = deps.store;
    this.#sessions = deps.sessions;
  }

  /** Who holds a role in a place, with the grants that they have there. */
  async list(place: Place): Promise<(Administrator & { readonly here: Grant[] })[]> {
    const scope = this.#store.operator();
    const { rows } = await scope.list(administratorPlaces, {
      equals: [place],
      limit: PLACE_ADMINISTRATORS_MAX,
    });
    const found = await Promise.all(
      rows.map(({ administratorId }) => scope.find(administrators, administratorId)),
    );
    return found
      .filter((row) => row !== undefined)
      .map((row) => ({ ...row, here: row.grants.filter((grant) => placeOfScope(grant.scope) === place) }));
  }

  /**
   * Gives a role. @param by what the giver holds
   * @throws KuvertError `bad_request` for a role that cannot be held there, `not_allowed`, `not_found` for somebody who does not administer in this place
   */
  async grant(
    by: readonly Grant[],
    given: { readonly administratorId: AdministratorId; readonly grant: Grant },
    note: NoteEffect<'operator'>,
  ): Promise<void> {
    const { administratorId, grant } = given;
    requireGivable(by, grant);
    await this.#store.operator().write(async (tx) => {
      const row = await holderIn(tx, administratorId, placeOfScope(grant.scope));
      const grants = row.grants.some((other) => isSame(other, grant)) ? row.grants : [...row.grants, grant];
      if (grants.length > GRANTS_MAX) throw new KuvertError('bad_request');
      putAdministrator(tx, { ...row, grants });
      await note(tx, { object: administratorId, ...rolesBeforeAndAfter(row.grants, grants) });
    });
  }

  /**
   * Takes a role. Sessions end; an account that holds nothing any more is removed.
   * @throws KuvertError `not_found` for a role that they do not hold, `last_administrator`
   */
  async take(
    taken: { readonly administratorId: AdministratorId; readonly grant: Grant },
    note: NoteEffect<'operator'>,
  ): Promise<void> {
    const { administratorId, grant } = taken;
    const place = placeOfScope(grant.scope);
    await this.#store.operator().write(async (tx) => {
      await tx.guard('administrators', place);
      const row = await holderIn(tx, administratorId, place);
      const grants = row.grants.filter((other) => !isSame(other, grant));
      if (grants.length === row.grants.length) throw new KuvertError('not_found');
      await note(tx, { object: administratorId, ...rolesBeforeAndAfter(row.grants, grants) });
      if (isChief(grant) && (await chiefsOf(tx, place, administratorId)) === 0)
        throw new KuvertError('last_administrator');
      await this.#sessions.endAll(tx, administratorId);
      if (!grants.some(({ scope }) => placeOfScope(scope) === place))
        tx.delete(administratorPlaces, place, administratorId);
      if (grants.length === 0) tx.delete(administrators, administratorId);
      else tx.put(administrators, { ...row, grants });
    });
  }

  /** Ends all sessions of somebody who administers in a place. @throws KuvertError `not_found` */
  async signOut(place: Place, administratorId: AdministratorId, note: NoteEffect<'operator'>): Promise<void> {
    await this.#store.operator().write(async (tx) => {
      await holderIn(tx, administratorId, place);
      await note(tx, { object: administratorId });
      await this.#sessions.endAll(tx, administratorId);
    });
  }
}

/** @throws KuvertError `bad_request` for a role that cannot be held there, `not_allowed` for one that the giver does not hold */
export function requireGivable(by: readonly Grant[], { role, scope }: Grant): void {
  if (!ROLE_SCOPES[role].includes(scope.kind))
    throw new KuvertError('bad_request', { details: { field: 'role' } });
  if (!holdsAllOf(by, role, scope)) throw new KuvertError('not_allowed');
}

/** Writes an administrator with the rows by which places find them. */
export function putAdministrator(tx: Tx<'operator'>, row: Administrator): void {
  tx.put(administrators, row);
  for (const place of new Set(row.grants.map(({ scope }) => placeOfScope(scope))))
    tx.put(administratorPlaces, { place, administratorId: row.administratorId });
}

/** For a first administrator. @throws KuvertError `administrator_present`, or the code that is given */
export async function requireNoAdministrator(
  tx: Tx<'operator'>,
  place: string,
  code: 'administrator_present' | 'invitation_not_valid' = 'administrator_present',
): Promise<void> {
  if ((await chiefsOf(tx, place as Place)) > 0) throw new KuvertError(code);
}

/** Whoever may name others: without one of them a place is lost. */
function isChief({ role }: Grant): boolean {
  return role === 'operator' || role === 'tenant-admin';
}

/** How many there are in a place besides one. To be asked under the guard of the place. */
async function chiefsOf(tx: Tx<'operator'>, place: Place, besides?: AdministratorId): Promise<number> {
  const { rows } = await tx.list(administratorPlaces, { equals: [place], limit: PLACE_ADMINISTRATORS_MAX });
  let count = 0;
  for (const { administratorId } of rows) {
    if (administratorId === besides) continue;
    const row = await tx.find(administrators, administratorId);
    if (row?.grants.some((grant) => isChief(grant) && placeOfScope(grant.scope) === place)) count++;
  }
  return count;
}

/** @throws KuvertError `not_found` for somebody who holds nothing there: of other places nothing is told */
async function holderIn(
  tx: Tx<'operator'>,
  administratorId: AdministratorId,
  place: Place,
): Promise<Administrator> {
  const row = await tx.find(administrators, administratorId);
  if (!row?.grants.some(({ scope }) => placeOfScope(scope) === place)) throw new KuvertError('not_found');
  return row;
}

/** Whether two grants give the same. */
export function isSame(a: Grant, b: Grant): boolean {
  return a.role === b.role && JSON.stringify(scopeParts(a.scope)) === JSON.stringify(scopeParts(b.scope));
}

function scopeParts(scope: GrantScope): unknown[] {
  if (scope.kind === 'installation') return [scope.kind];
  if (scope.kind === 'pool') return [scope.kind, scope.tenantId, scope.poolId];
  return [scope.kind, scope.tenantId];
}

function rolesBeforeAndAfter(before: readonly Grant[], after: readonly Grant[]) {
  const rolesOf = (grants: readonly Grant[]) => ({
    roles: grants.map(({ role, scope }) => [role, ...scopeParts(scope)].join(' ')),
  });
  return { before: rolesOf(before), after: rolesOf(after) };
}
