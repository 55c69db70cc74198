/** Programs with a key: of which only the hash is kept, for the permissions named and no others, until a day, revoked at once. */
import { type IntegrationId, KuvertError, LABELS, makeId, type TenantId } from '@kuvert/protocol';
import { type Grant, isAllowed, type Permission } from '@kuvert/protocol/admin';
import type { Clock, Random } from '../../clock.ts';
import type { NoteEffect } from '../../effects.ts';
import type { ProgramCaller } from '../../http/admin/admin-routes.ts';
import type { RowOf, Store } from '../../store/index.ts';
import { integrations } from './collections.ts';
import { secretHash } from './secret-hash.ts';

/** How a key begins, so that people and scanners for secrets know it when they see it. */
export const KEY_PREFIX = 'kvi_';
const KEY_BYTES = 32;
const PER_TENANT_MAX = 100;
const DAY_MS = 86_400_000;
/** Being used is written down this often at most. */
const USED_EVERY_MS = 300_000;

/** A program as it is stored. */
export type IntegrationRow = RowOf<typeof integrations>;

/** @see the head of this file */
export class Integrations {
  readonly #store: Pick<Store, 'operator'>;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(deps: {
    readonly store: Pick<Store, 'operator'>;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
  }

  /**
   * Makes a key. @param by what the maker holds
   * @throws KuvertError `not_allowed` for a permission that the maker does not hold, `bad_request` beyond a hundred
   */
  async create(
    by: readonly Grant[],
    made: {
      readonly tenantId: TenantId;
      readonly name: string;
      readonly permissions: readonly Permission[];
      readonly validDays: number;
    },
    note: (row: IntegrationRow, key: string) => NoteEffect<'operator'>,
  ): Promise<{ row: IntegrationRow; key: string }> {
    const { tenantId, name, validDays } = made;
    const permissions = [...new Set(made.permissions)];
    const place = { kind: 'tenant', tenantId } as const;
    if (!permissions.every((name) => isAllowed(by, name, place))) throw new KuvertError('not_allowed');
    const key = KEY_PREFIX + Buffer.from(this.#random(KEY_BYTES)).toString('base64url');
    const createdAt = this.#clock.nowMs();
    const row: IntegrationRow = {
      tenantId,
      integrationId: makeId('integration', this.#random(16)),
      name,
      keyHash: secretHash(LABELS.integrationKey, key),
      permissions,
      createdAt,
      expiresAt: createdAt + validDays * DAY_MS,
      lastUsedAt: null,
    };
    const noted = note(row, key);
    await this.#store.operator().write(async (tx) => {
      await tx.guard('integrations', tenantId);
      await noted(tx, { object: row.integrationId, after: { name, permissions } });
      const { rows } = await tx.list(integrations, { equals: [tenantId], limit: PER_TENANT_MAX });
      if (rows.length >= PER_TENANT_MAX) throw new KuvertError('bad_request');
      tx.insert(integrations, row);
    });
    return { row, key };
  }

  async list(tenantId: TenantId): Promise<IntegrationRow[]> {
    const { rows } = await this.#store
      .operator()
      .list(integrations, { equals: [tenantId], limit: PER_TENANT_MAX });
    return rows.filter(({ expiresAt }) => expiresAt > this.#clock.nowMs());
  }

  /** @throws KuvertError `not_found` */
  async revoke(
    tenantId: TenantId,
    integrationId: IntegrationId,
    note: NoteEffect<'operator'>,
  ): Promise<void> {
    await this.#store.operator().write(async (tx) => {
      const { name, permissions } = await tx.get(integrations, tenantId, integrationId);
      tx.delete(integrations, tenantId, integrationId);
      await note(tx, { object: integrationId, before: { name, permissions } });
    });
  }

  /** Whose key this is; notes that it was used. */
  async authenticate(key: string): Promise<ProgramCaller | undefined> {
    const scope = this.#store.operator();
    const row = await scope.findBy(integrations, 'byKey', secretHash(LABELS.integrationKey, key));
    const nowMs = this.#clock.nowMs();
    if (row === undefined || row.expiresAt <= nowMs) return undefined;
    const { tenantId, integrationId, permissions } = row;
    if (row.lastUsedAt === null || nowMs - row.lastUsedAt >= USED_EVERY_MS) {
      await scope.write(async (tx) => {
        const present = await tx.find(integrations, tenantId, integrationId);
        if (present !== undefined) tx.put(integrations, { ...present, lastUsedAt: nowMs });
      });
    }
    const grants: Grant[] = [{ role: 'integration', scope: { kind: 'tenant', tenantId } }];
    return { kind: 'integration', integrationId, grants, elsewhere: [], permissions };
  }
}
