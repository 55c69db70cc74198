/**
 * How features answer operator calls on the loopback ops listener. A feature's `routes.operator.ts` gives a handler per call of
 * `operatorCalls`; the request is authenticated and its params parsed before, the result is checked after.
 *
 *     export const tenantRoutes = (tenants: TenantService) =>
 *       defineOperatorRoutes({ tenantCreate: async ({ name }) => ({ tenantId: await tenants.create(name) }) });
 */
import { type OperatorCallName, operatorCalls } from '@kuvert/protocol';
import type { z } from 'zod';

type Calls = typeof operatorCalls;

/** Answers one operator call. A refusal is a thrown `KuvertError`. */
export type OperatorHandler<N extends OperatorCallName> = (
  params: z.output<Calls[N]['params']>,
) => Promise<z.input<Calls[N]['result']>>;

/** Handlers for some of the operator calls. */
export type OperatorRoutes = { readonly [N in OperatorCallName]?: OperatorHandler<N> };

/** Every operator call with its handler. */
export type OperatorTable = { readonly [N in OperatorCallName]: OperatorHandler<N> };

/** Declares a feature's handlers; only keeps the types narrow. */
export function defineOperatorRoutes<R extends OperatorRoutes>(routes: R): R {
  return routes;
}

/**
 * Joins the features' handlers into one table.
 * @throws Error when a call has no handler or more than one: a fault of ours, found at start
 */
export function joinOperatorRoutes(parts: readonly OperatorRoutes[]): OperatorTable {
  const table = new Map<string, unknown>();
  for (const routes of parts) {
    for (const [name, handler] of Object.entries(routes)) {
      if (table.has(name)) throw new Error(`operator call ${name} has two handlers`);
      table.set(name, handler);
    }
  }
  for (const name of Object.keys(operatorCalls)) {
    if (!table.has(name)) throw new Error(`operator call ${name} has no handler`);
  }
  return Object.fromEntries(table) as OperatorTable;
}
