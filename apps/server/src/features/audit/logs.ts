/** The audit logs of an installation: where each lies and what its checkpoints call it. */
import type { Store } from '../../store/index.ts';
import { type AuditTables, type LogScope, OPERATOR_TABLES, TENANT_TABLES } from './collections.ts';
import type { LogName } from './records.ts';

/** Where a log lies. */
export interface LogPlace {
  readonly scope: LogScope;
  readonly tables: AuditTables;
}

/** @see the head of this file */
export function placeOfLog(store: Pick<Store, 'operator' | 'tenant'>, log: LogName): LogPlace {
  return log === 'operator'
    ? { scope: store.operator() as unknown as LogScope, tables: OPERATOR_TABLES }
    : { scope: store.tenant(log), tables: TENANT_TABLES };
}

/** The first line of a log's checkpoints. */
export function originOf(log: LogName, installation: string): string {
  return `kuvert-audit/${log === 'operator' ? `operator/${installation}` : log}`;
}
