/** The rules of erasing people (README.md). */
import { KuvertError, type PersonId, type TenantId } from '@kuvert/protocol';
import type { NoteEffect } from '../../effects.ts';
import type { RowOf, Store, TenantScope } from '../../store/index.ts';
import type { AuditRecords, LogName } from '../audit/index.ts';
import type { DeviceService } from '../devices/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { PoolService } from '../pools/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { unfinishedErasures } from './collections.ts';

/** What the API and a restore may ask. */
export interface ErasureService {
  /** Resolves when nothing of them is left but ids. @throws KuvertError `not_found` */
  erase(scope: TenantScope, personId: PersonId, note: NoteEffect<'tenant'>): Promise<void>;
  /** After a restore from a backup in which they still are. @throws KuvertError `not_found` */
  eraseAgain(tenantId: TenantId, personId: PersonId): Promise<void>;
  /** Goes on with what a crash or a full disk interrupted. @returns how many */
  resume(scope: TenantScope, limit: number): Promise<number>;
}

/** @see ErasureService */
export function createErasureService(deps: {
  readonly store: Store;
  readonly tenants: Pick<TenantService, 'exists'>;
  readonly people: PeopleService;
  readonly devices: Pick<DeviceService, 'retireAll' | 'retired' | 'announce'>;
  readonly pools: Pick<PoolService, 'leaveAll'>;
  /** Destroys what an audit log says of somebody beyond the id. */
  readonly identities: { erase(log: LogName, id: string): Promise<void> };
  readonly audit: AuditRecords;
  /** Somebody is gone; awaited before whoever asked is answered, and may be told again. */
  readonly onErased: (tenantId: TenantId, personId: PersonId) => Promise<void>;
}): ErasureService {
  const { store, tenants, people, devices, pools, identities, audit, onErased } = deps;

  /** Each step may be repeated. */
  async function finish(scope: TenantScope, row: RowOf<typeof unfinishedErasures>): Promise<void> {
    const { personId } = row;
    // First of all, so that from here on no restore brings them back.
    await onErased(scope.tenant, personId);
    await devices.announce(scope, personId);
    for (const deviceId of row.devices) await devices.retired(scope, deviceId);
    await identities.erase(scope.tenant, personId);
    await people.removed(personId);
    await scope.write((tx) => {
      tx.delete(unfinishedErasures, personId);
    });
  }

  async function erase(scope: TenantScope, personId: PersonId, note: NoteEffect<'tenant'>): Promise<void> {
    const row = await scope.write(async (tx) => {
      await pools.leaveAll(tx, personId);
      await people.remove(tx, personId);
      const unfinished = { personId, devices: [...(await devices.retireAll(tx, personId))] };
      tx.put(unfinishedErasures, unfinished);
      await note(tx, { object: personId });
      return unfinished;
    });
    await finish(scope, row);
  }

  return {
    erase,

    async eraseAgain(tenantId, personId) {
      if (!(await tenants.exists(tenantId))) throw new KuvertError('not_found');
      await erase(store.tenant(tenantId), personId, async (tx, effect) => {
        audit.inTenant(tx, tenantId, { action: 'person.erased', ...effect });
      });
    },

    async resume(scope, limit) {
      const { rows } = await scope.list(unfinishedErasures, { limit });
      for (const row of rows) await finish(scope, row);
      return rows.length;
    },
  };
}
