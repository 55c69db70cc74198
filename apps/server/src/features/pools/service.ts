/** The rules of pools, and of the features that they allow and deny. */
import { KuvertError, makeId, type PersonId, type PoolId } from '@kuvert/protocol';
import { FEATURES, type Feature, type FeatureChoices, isFeatureAllowed } from '@kuvert/protocol/admin';
import type { Clock, Random } from '../../clock.ts';
import { type NoteEffect, requireVersion } from '../../effects.ts';
import type { RowOf, TenantScope, Tx } from '../../store/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { poolMembers, pools } from './collections.ts';

/** A pool as it is stored. */
export type PoolRow = RowOf<typeof pools>;

/** How many pools somebody can be in: as many as are read for each question about a feature. */
const POOLS_PER_PERSON = 100;

/** What a person may do, and which pools have decided it. */
export interface FeatureAnswer {
  readonly feature: Feature;
  readonly isAllowed: boolean;
  readonly decidedBy: PoolId[];
}

interface PageQuery {
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** @see the head of this file */
export class PoolService {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tenants: TenantService;
  readonly #people: PeopleService;

  constructor(deps: {
    readonly clock: Clock;
    readonly random: Random;
    readonly tenants: TenantService;
    readonly people: PeopleService;
  }) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#tenants = deps.tenants;
    this.#people = deps.people;
  }

  async create(
    scope: TenantScope,
    made: { readonly name: string; readonly features: FeatureChoices },
    note: (row: PoolRow) => NoteEffect<'tenant'>,
  ): Promise<PoolRow> {
    const row = { poolId: makeId('pool', this.#random(16)), ...made, createdAt: this.#clock.nowMs() };
    const noted = note(row);
    await scope.write(async (tx) => {
      tx.insert(pools, row);
      await noted(tx, { object: row.poolId, after: made });
    });
    return row;
  }

  /** @throws KuvertError `not_found` */
  get(scope: TenantScope, poolId: PoolId): Promise<PoolRow> {
    return scope.get(pools, poolId);
  }

  /** @throws KuvertError `cursor_invalid` */
  async list(scope: TenantScope, { cursor, limit }: PageQuery) {
    return scope.list(pools, { limit, ...(cursor === undefined ? {} : { cursor }) });
  }

  /** Changes what is given. @throws KuvertError `not_found`, `version_conflict` */
  async change(
    scope: TenantScope,
    poolId: PoolId,
    change: {
      readonly name?: string | undefined;
      readonly features?: FeatureChoices | undefined;
      readonly ifMatch: string | undefined;
      readonly note: NoteEffect<'tenant'>;
    },
  ): Promise<PoolRow> {
    const { name, features, ifMatch, note } = change;
    return scope.write(async (tx) => {
      const before = await tx.get(pools, poolId);
      requireVersion(before, ifMatch);
      const after = { ...before, ...(name && { name }), ...(features && { features }) };
      tx.put(pools, after);
      await note(tx, {
        object: poolId,
        before: { name: before.name, features: before.features },
        after: { name: after.name, features: after.features },
      });
      return after;
    });
  }

  /** @throws KuvertError `not_found` for a pool or person that this tenant does not have, `bad_request` for one in too many pools */
  async join(
    scope: TenantScope,
    member: { readonly poolId: PoolId; readonly personId: PersonId },
    note: NoteEffect<'tenant'>,
  ): Promise<void> {
    const { poolId, personId } = member;
    await scope.write(async (tx) => {
      await tx.guard('pools-of-person', personId);
      await tx.get(pools, poolId);
      await this.#people.requireThere(tx, personId);
      const { rows } = await tx.list(poolMembers, {
        index: 'byPerson',
        equals: [personId],
        limit: POOLS_PER_PERSON,
      });
      if (rows.length >= POOLS_PER_PERSON) throw new KuvertError('bad_request');
      tx.put(poolMembers, member);
      await note(tx, { object: personId, after: { poolId } });
    });
  }

  /** @throws KuvertError `not_found` for somebody who is not in it */
  async leave(
    scope: TenantScope,
    member: { readonly poolId: PoolId; readonly personId: PersonId },
    note: NoteEffect<'tenant'>,
  ): Promise<void> {
    const { poolId, personId } = member;
    await scope.write(async (tx) => {
      await tx.get(poolMembers, poolId, personId);
      tx.delete(poolMembers, poolId, personId);
      await note(tx, { object: personId, before: { poolId } });
    });
  }

  /** Takes somebody who is to be removed out of all pools. To be called before anything else in its transaction. */
  async leaveAll(tx: Tx<'tenant'>, personId: PersonId): Promise<void> {
    await tx.guard('pools-of-person', personId);
    const query = { index: 'byPerson', equals: [personId], limit: POOLS_PER_PERSON } as const;
    const { rows } = await tx.list(poolMembers, query);
    for (const { poolId } of rows) tx.delete(poolMembers, poolId, personId);
  }

  /** @throws KuvertError `not_found` for somebody who is not in it */
  async requireMember(scope: TenantScope, poolId: PoolId, personId: PersonId): Promise<void> {
    await scope.get(poolMembers, poolId, personId);
  }

  /** Ids of the people in a pool. @throws KuvertError `not_found` for an unknown pool, `cursor_invalid` */
  async members(scope: TenantScope, poolId: PoolId, { cursor, limit }: PageQuery) {
    await scope.get(pools, poolId);
    const page = await scope.list(poolMembers, {
      equals: [poolId],
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    return { personIds: page.rows.map(({ personId }) => personId), next: page.next };
  }

  /** What somebody may do. */
  async features(scope: TenantScope, personId: PersonId): Promise<FeatureAnswer[]> {
    const { tenant, own } = await this.#choicesOf(scope, personId);
    return (Object.keys(FEATURES) as Feature[]).map((feature) => {
      const isAllowed = isFeatureAllowed(feature, { tenant, pools: own.map(({ features }) => features) });
      const word = isAllowed ? 'allowed' : 'denied';
      const decidedBy = own.filter(({ features }) => features[feature] === word).map(({ poolId }) => poolId);
      return { feature, isAllowed, decidedBy };
    });
  }

  /** @throws KuvertError `feature_denied` */
  async requireFeature(scope: TenantScope, personId: PersonId, feature: Feature): Promise<void> {
    const { tenant, own } = await this.#choicesOf(scope, personId);
    if (!isFeatureAllowed(feature, { tenant, pools: own.map(({ features }) => features) }))
      throw new KuvertError('feature_denied');
  }

  async #choicesOf(
    scope: TenantScope,
    personId: PersonId,
  ): Promise<{ tenant: FeatureChoices; own: PoolRow[] }> {
    const { features: tenant } = await this.#tenants.settings(scope);
    const { rows } = await scope.list(poolMembers, {
      index: 'byPerson',
      equals: [personId],
      limit: POOLS_PER_PERSON,
    });
    return { tenant, own: await Promise.all(rows.map(({ poolId }) => scope.get(pools, poolId))) };
  }
}
