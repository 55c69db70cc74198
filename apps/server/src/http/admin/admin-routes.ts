/**
 * How features answer operations of the administration API. A feature's `routes.admin.ts` gives a handler per operation of
 * `ADMIN_OPERATIONS`; whoever calls is known and allowed, and the request has its shape, before the handler runs.
 *
 *     export const tenantAdminRoutes = (tenants: TenantService) =>
 *       defineAdminRoutes({ 'tenants.create': async ({ body }) => ({ result: await tenants.create(body.name) }) });
 */
import type { AdministratorId, SessionId } from '@kuvert/protocol';
import { ADMIN_OPERATIONS, type AdminOperationId, type Grant, type GrantScope } from '@kuvert/protocol/admin';
import type { z } from 'zod';

type Operations = typeof ADMIN_OPERATIONS;

/** Who calls, once signed in. */
export interface AdminCaller {
  readonly administratorId: AdministratorId;
  readonly sessionId: SessionId;
  readonly grants: readonly Grant[];
  /** When the session last showed a second factor. */
  readonly stepUpAtMs: number;
}

/** What a handler gets. */
export interface AdminRequest<Id extends AdminOperationId> {
  readonly params: z.output<Operations[Id]['params']>;
  readonly query: z.output<Operations[Id]['query']>;
  readonly body: Operations[Id]['body'] extends z.ZodType ? z.output<Operations[Id]['body']> : undefined;
  /** Undefined for a public operation. */
  readonly caller: AdminCaller | undefined;
  /** Where the operation takes place, by its path. */
  readonly place: GrantScope;
  /** The client's address, unmapped. */
  readonly address: string;
  readonly requestId: string;
  /** The version that a change is based on, from `If-Match`. */
  readonly ifMatch: string | undefined;
}

/** What a handler answers with. */
export interface AdminAnswer<Id extends AdminOperationId> {
  readonly result: Operations[Id]['result'] extends z.ZodType ? z.input<Operations[Id]['result']> : undefined;
  readonly etag?: string;
  readonly setCookie?: string;
}

/** Answers one operation. A refusal is a thrown `KuvertError`. */
export type AdminHandler<Id extends AdminOperationId> = (
  request: AdminRequest<Id>,
) => Promise<AdminAnswer<Id>>;

/** Handlers for some of the operations. */
export type AdminRoutes = { readonly [Id in AdminOperationId]?: AdminHandler<Id> };
/** Every operation with its handler. */
export type AdminTable = { readonly [Id in AdminOperationId]: AdminHandler<Id> };

/** Declares a feature's handlers; only keeps the types narrow. */
export function defineAdminRoutes<R extends AdminRoutes>(routes: R): R {
  return routes;
}

/**
 * Joins the features' handlers into one table.
 * @throws Error when an operation has no handler or more than one: a fault of ours, found at start
 */
export function joinAdminRoutes(parts: readonly AdminRoutes[]): AdminTable {
  const table = new Map<string, unknown>();
  for (const [id, handler] of parts.flatMap((routes) => Object.entries(routes))) {
    if (table.has(id)) throw new Error(`operation ${id} has two handlers`);
    table.set(id, handler);
  }
  for (const id of Object.keys(ADMIN_OPERATIONS)) {
    if (!table.has(id)) throw new Error(`operation ${id} has no handler`);
  }
  return Object.fromEntries(table) as AdminTable;
}
