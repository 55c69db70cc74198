/**
 * Who acts, through which door and from where, for everything that is done on somebody's behalf: the dispatch of a request sets it, and whatever records what was
 * done reads it. It is kept per asynchronous call, because otherwise every function between the two would hand on what only the record needs, and one that forgets it
 * would leave a record without a name.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { AdministratorId, AuditEntryId, DeviceId, IntegrationId, TenantId } from '@kuvert/protocol';

/** What was recorded on behalf of a request. */
export interface Recorded {
  /** In whose log: a tenant's, or the operator's. */
  readonly log: TenantId | 'operator';
  readonly entryId: AuditEntryId;
  /** Hash of its leaf, 32 bytes. */
  readonly leaf: Uint8Array<ArrayBuffer>;
  readonly atMs: number;
}

/** @see the head of this file */
export interface Acting {
  /** `operator-key`: who holds that file; `nobody`: who has not signed in; `system`: the server by itself. */
  readonly actor: AdministratorId | IntegrationId | DeviceId | 'operator-key' | 'nobody' | 'system';
  /** What the actor is called, where that is known. */
  readonly actorName?: string | undefined;
  /** The client's address. */
  readonly address: string | undefined;
  /** The operation or call. */
  readonly via: string | undefined;
  readonly requestId: string | undefined;
  /** What was recorded so far, in order; what an attempt that ran again recorded is among it. */
  readonly recorded: Recorded[];
}

const storage = new AsyncLocalStorage<Acting>();

/** Runs work on somebody's behalf. */
export function actAs<T>(acting: Omit<Acting, 'recorded'>, work: (acting: Acting) => T): T {
  const whole: Acting = { ...acting, recorded: [] };
  return storage.run(whole, work, whole);
}

/** On whose behalf this runs; the server's own where nobody has asked. */
export function presentActing(): Acting {
  return storage.getStore() ?? { ...SYSTEM, recorded: [] };
}

const SYSTEM = { actor: 'system', address: undefined, via: undefined, requestId: undefined } as const;
