/**
 * How features answer operations of the administration API. A feature's `routes.admin.ts` gives a handler per operation of
 * `ADMIN_OPERATIONS`; whoever calls is known and allowed, and the request has its shape, before the handler runs. A handler that changes something
 * passes `noted` on to its service, which tells the change in the transaction that makes it (effects.ts); one that forgets to is a fault.
 *
 *     export const tenantAdminRoutes = (tenants: TenantService) =>
 *       defineAdminRoutes({ 'tenants.create': async ({ body, noted }) => ({ result: await tenants.create(body.name, noted.operator) }) });
 */
import { type AdministratorId, type IntegrationId, KuvertError, type SessionId } from '@kuvert/protocol';
import {
  ADMIN_OPERATIONS,
  type AdminOperationId,
  type Grant,
  type GrantScope,
  type PasswordDue,
  type Permission,
} from '@kuvert/protocol/admin';
import type { z } from 'zod';
import type { Noted } from '../../effects.ts';
import type { Tx } from '../../store/index.ts';

type Operations = typeof ADMIN_OPERATIONS;

/** Somebody who has signed in. */
export interface SignedIn {
  readonly kind: 'administrator';
  readonly administratorId: AdministratorId;
  readonly name: string;
  readonly sessionId: SessionId;
  /** What counts from the address of this request, and what somebody holds that does not. */
  readonly grants: readonly Grant[];
  readonly elsewhere: readonly Grant[];
  /** Why another password has to be chosen before anything else. */
  readonly passwordDue: PasswordDue | undefined;
  /** When the session last showed a second factor. */
  readonly stepUpAtMs: number;
}

/** A program with a key. */
export interface ProgramCaller {
  readonly kind: 'integration';
  readonly integrationId: IntegrationId;
  readonly grants: readonly Grant[];
  readonly elsewhere: readonly Grant[];
  /** Of what its role has, these and no others. */
  readonly permissions: readonly Permission[];
}

/** Who calls. */
export type AdminCaller = SignedIn | ProgramCaller;

/** A call that was allowed, read and is to be carried out. */
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
  /** Of sentences for people. */
  readonly language: 'en' | 'de';
  readonly requestId: string;
  /** The token of a known device that a browser has sent along, not checked. */
  readonly deviceCookie: string | undefined;
  /** The version that a change is based on, from `If-Match`. */
  readonly ifMatch: string | undefined;
  readonly noted: Noted;
  /** Carries out another operation, on which four eyes have now looked. */
  readonly execute: Execute;
}

/** Runs in the commit of an effect, in whichever file that lies, so that it happens once. */
export type Alongside = (...where: ['tenant', Tx<'tenant'>] | ['operator', Tx<'operator'>]) => Promise<void>;

/**
 * Carries out what was approved.
 * @returns what it answers
 * @throws KuvertError `not_allowed` when who has asked for it may not any more, and whatever the operation refuses with
 */
export type Execute = (approved: {
  readonly operation: string;
  readonly params: unknown;
  readonly body: unknown;
  readonly askedBy: AdministratorId;
  readonly approvedBy: AdministratorId;
  readonly alongside: Alongside;
}) => Promise<object | undefined>;

/** What a handler answers with. */
export interface AdminAnswer<Id extends AdminOperationId> {
  readonly result: Operations[Id]['result'] extends z.ZodType ? z.input<Operations[Id]['result']> : undefined;
  readonly etag?: string;
  readonly setCookies?: readonly string[];
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

/** For operations that a person alone may call. @throws KuvertError `not_allowed` for a program */
export function signedIn(caller: AdminCaller | undefined): SignedIn {
  if (caller === undefined) throw new KuvertError('unauthenticated');
  if (caller.kind !== 'administrator') throw new KuvertError('not_allowed');
  return caller;
}

/** Who calls, as an id. */
export function callerId(caller: AdminCaller): AdministratorId | IntegrationId {
  return caller.kind === 'integration' ? caller.integrationId : caller.administratorId;
}

/** A time as the API writes it. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
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
