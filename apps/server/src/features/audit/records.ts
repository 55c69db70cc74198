/**
 * Appending to audit logs: in the transaction that also commits what is recorded, so that there is neither without the other. What the operator's part of the store commits may belong
 * into tenants' logs, which lie elsewhere; such an entry travels as a row of the same commit and is moved once it is durable.
 */
import type { TenantId } from '@kuvert/protocol';
import type { Grant } from '@kuvert/protocol/admin';
import { presentActing } from '../../acting.ts';
import type { Clock, Random } from '../../clock.ts';
import type { Store, Tx } from '../../store/index.ts';
import { forwards, OPERATOR_TABLES, TENANT_TABLES } from './collections.ts';
import {
  type AuditEvent,
  type Draft,
  decodeDraft,
  draftOf,
  encodeDraft,
  leafOf,
  putDraft,
} from './drafts.ts';

/** In whose log something belongs. */
export type LogName = TenantId | 'operator';

/** What features record with. */
export interface AuditRecords {
  /** Records in a tenant's log what the same transaction does there. */
  inTenant(tx: Tx<'tenant'>, tenantId: TenantId, event: AuditEvent): void;
  /** Records what the same transaction of the operator's part does, in the log of the operator, of tenants, or of several of them. */
  inOperator(tx: Tx<'operator'>, logs: readonly LogName[], event: AuditEvent): void;
  /** Records what changes nothing: a refusal, a look. */
  note(logs: readonly LogName[], event: AuditEvent): Promise<void>;
}

/** @see AuditRecords */
export class AuditWriter implements AuditRecords {
  readonly #store: Store;
  readonly #deps: { readonly clock: Clock; readonly random: Random };
  readonly #onPending: (log: LogName) => void;

  /** @param deps.onPending something may wait for its place in this log. Called before the commit, since nobody is told of that */
  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly random: Random;
    readonly onPending: (log: LogName) => void;
  }) {
    this.#store = deps.store;
    this.#deps = deps;
    this.#onPending = deps.onPending;
  }

  inTenant(tx: Tx<'tenant'>, tenantId: TenantId, event: AuditEvent): void {
    putDraft(tx, TENANT_TABLES, this.#store.ops, this.#draft(tenantId, event));
  }

  inOperator(tx: Tx<'operator'>, logs: readonly LogName[], event: AuditEvent): void {
    for (const log of new Set(logs)) {
      const draft = this.#draft(log, event);
      if (log === 'operator') {
        putDraft(tx as unknown as Tx<'tenant'>, OPERATOR_TABLES, this.#store.ops, draft);
      } else {
        tx.insert(forwards, { tenantId: log, entryId: draft.entryId, draft: encodeDraft(draft) });
      }
    }
  }

  async note(logs: readonly LogName[], event: AuditEvent): Promise<void> {
    await this.#store.operator().write((tx) => this.inOperator(tx, logs, event));
  }

  /** Moves entries that are on their way to a tenant. May be repeated, also by several servers at once. @returns how many were found */
  async forward(tenantId: TenantId, limit = 200): Promise<number> {
    const { rows } = await this.#store.operator().list(forwards, { equals: [tenantId], limit });
    if (rows.length === 0) return 0;
    await this.#store.tenant(tenantId).write(async (tx) => {
      for (const { draft } of rows) {
        const decoded = decodeDraft(draft);
        if ((await tx.find(TENANT_TABLES.entries, decoded.entryId)) === undefined)
          putDraft(tx, TENANT_TABLES, this.#store.ops, decoded);
      }
    });
    await this.#store.operator().write((tx) => {
      for (const { entryId } of rows) tx.delete(forwards, tenantId, entryId);
    });
    return rows.length;
  }

  #draft(log: LogName, event: AuditEvent): Draft {
    const acting = presentActing();
    const draft = draftOf(event, acting, this.#deps);
    acting.recorded.push({ log, entryId: draft.entryId, leaf: leafOf(draft), atMs: draft.at });
    this.#onPending(log);
    return draft;
  }
}

/** The logs in which belongs what somebody does who holds these grants: of the tenants in which they have a part, and of the operator for everybody else. */
export function logsOf(grants: readonly Grant[]): readonly LogName[] {
  const logs = grants.map(
    ({ scope }): LogName => (scope.kind === 'installation' ? 'operator' : scope.tenantId),
  );
  return logs.length === 0 ? ['operator'] : [...new Set(logs)];
}
