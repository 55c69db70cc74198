/**
 * Who may do what, as one table from which enforcement, documentation and tests are made. A grant gives somebody a role somewhere; a role has
 * permissions; an operation of the API names the permission that it needs.
 */
import { z } from 'zod';
import { idSchema } from '../schemas.ts';

/** The roles, widest first. `integration` is for programs and cannot sign in. */
export const ROLES = [
  'operator',
  'tenant-admin',
  'group-admin',
  'help-desk',
  'auditor',
  'integration',
] as const;
export type Role = (typeof ROLES)[number];

/**
 * Where a grant holds: everywhere for the operator, in a tenant, or for one group of its people, which is called a pool. There is none for a group that people
 * have made to write in: who is in it is signed by its members, and no administrator has a part in that.
 */
export const GrantScope = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('installation') }),
  z.object({ kind: z.literal('tenant'), tenantId: idSchema('tenant') }),
  z.object({ kind: z.literal('pool'), tenantId: idSchema('tenant'), poolId: idSchema('pool') }),
]);
export type GrantScope = z.infer<typeof GrantScope>;
type ScopeKind = GrantScope['kind'];

/** In which kinds of place a role can be held. */
export const ROLE_SCOPES: { readonly [R in Role]: readonly ScopeKind[] } = {
  operator: ['installation'],
  'tenant-admin': ['tenant'],
  'group-admin': ['pool'],
  'help-desk': ['tenant', 'pool'],
  auditor: ['tenant'],
  integration: ['tenant'],
};

interface PermissionEntry {
  readonly about: string;
  /** The narrowest place that it can be asked for, `part` being a pool: one for a tenant is not met by a grant for a pool of it. */
  readonly at: 'installation' | 'tenant' | 'part';
  readonly roles: readonly Role[];
}

function permission(about: string, at: PermissionEntry['at'], roles: readonly Role[]): PermissionEntry {
  return { about, at, roles };
}

/**
 * All permissions. The operator looks after tenants and machines and has none inside a tenant: not its people, not its devices, not its records.
 * An auditor reads and changes nothing.
 */
export const PERMISSIONS = {
  'tenants.read': permission('List the tenants of the installation.', 'installation', ['operator']),
  'tenants.create': permission('Create a tenant.', 'installation', ['operator']),
  'tenants.suspend': permission('Suspend a tenant and let it go on.', 'installation', ['operator']),
  'tenant.read': permission('See name and settings of the tenant.', 'tenant', ['tenant-admin', 'auditor']),
  'tenant.change': permission('Change name and settings of the tenant.', 'tenant', ['tenant-admin']),
  'people.read': permission('List people and look them up.', 'part', [
    'tenant-admin',
    'group-admin',
    'help-desk',
    'integration',
  ]),
  'people.reset': permission(
    'Let somebody who has lost all devices begin anew, in the place of all of them.',
    'tenant',
    ['tenant-admin'],
  ),
  'pools.read': permission('See pools and their settings.', 'part', [
    'tenant-admin',
    'group-admin',
    'help-desk',
    'auditor',
  ]),
  'pools.change': permission('Make and change pools, allow and deny features.', 'part', ['tenant-admin']),
  'pools.members': permission('Put people into pools and take them out.', 'part', ['tenant-admin']),
  'integrations.read': permission('See which programs may use the API.', 'tenant', [
    'tenant-admin',
    'auditor',
  ]),
  'integrations.change': permission('Make and revoke keys of programs.', 'tenant', ['tenant-admin']),
  'people.create': permission('Add people.', 'tenant', ['tenant-admin', 'integration']),
  'people.change': permission('Change names and addresses of people.', 'tenant', [
    'tenant-admin',
    'integration',
  ]),
  'people.lock': permission('Lock people out for a while, and let them in again.', 'part', [
    'tenant-admin',
    'help-desk',
    'integration',
  ]),
  'people.erase': permission('Erase people for good; always takes two.', 'tenant', ['tenant-admin']),
  'devices.read': permission('See the devices of people.', 'part', [
    'tenant-admin',
    'group-admin',
    'help-desk',
  ]),
  'devices.revoke': permission('Revoke a device.', 'part', ['tenant-admin', 'help-desk']),
  'tokens.create': permission('Make enrolment tokens.', 'part', [
    'tenant-admin',
    'group-admin',
    'help-desk',
    'integration',
  ]),
  'administrators.read': permission('List who administers what.', 'tenant', ['tenant-admin', 'auditor']),
  'administrators.change': permission('Grant and take roles, reset a second factor.', 'tenant', [
    'tenant-admin',
  ]),
  'operators.read': permission('List the operators.', 'installation', ['operator']),
  'operators.change': permission('Name operators and first administrators of tenants.', 'installation', [
    'operator',
  ]),
  'audit.read': permission('Search and export the audit log of the tenant.', 'tenant', [
    'tenant-admin',
    'auditor',
  ]),
  'audit.stream': permission('Say where the audit log of the tenant is streamed to.', 'tenant', [
    'tenant-admin',
  ]),
  'operator-audit.stream': permission(
    'Say where the audit log of the installation is streamed to.',
    'installation',
    ['operator'],
  ),
  'audit.erase': permission('Erase what the audit log of the tenant says of somebody.', 'tenant', [
    'tenant-admin',
  ]),
  'operator-audit.erase': permission(
    'Erase what the audit log of the installation says of somebody.',
    'installation',
    ['operator'],
  ),
  'operator-audit.read': permission('Search and export the audit log of the installation.', 'installation', [
    'operator',
  ]),
} as const satisfies Record<string, PermissionEntry>;
export type Permission = keyof typeof PERMISSIONS;

/** A role that somebody holds somewhere. */
export interface Grant {
  readonly role: Role;
  readonly scope: GrantScope;
}

/**
 * Whether grants allow something in a place. A grant reaches down, from a tenant into its pools, and never up or across; that of
 * the operator reaches no tenant.
 */
export function isAllowed(grants: readonly Grant[], permission: Permission, place: GrantScope): boolean {
  const { roles, at } = PERMISSIONS[permission] as PermissionEntry;
  if (!isAskedAt(at, place.kind)) return false;
  return grants.some(({ role, scope }) => roles.includes(role) && contains(scope, place));
}

/** Whether everything in `inner` lies in `outer`. */
export function contains(outer: GrantScope, inner: GrantScope): boolean {
  if (outer.kind === 'installation' || inner.kind === 'installation') return outer.kind === inner.kind;
  if (outer.tenantId !== inner.tenantId) return false;
  if (outer.kind === 'tenant') return true;
  return inner.kind === 'pool' && inner.poolId === outer.poolId;
}

function isAskedAt(at: PermissionEntry['at'], kind: ScopeKind): boolean {
  if (at === 'installation') return kind === 'installation';
  return at === 'tenant' ? kind === 'tenant' : kind !== 'installation';
}

/** The permissions that a role has. */
export function permissionsOf(role: Role): Permission[] {
  return (Object.keys(PERMISSIONS) as Permission[]).filter((name) =>
    (PERMISSIONS[name].roles as readonly Role[]).includes(role),
  );
}

/**
 * Whether grants hold everything that a role would give in a place: nobody grants what they do not hold. A permission that cannot be asked for in a place
 * as narrow as that gives nothing there.
 */
export function holdsAllOf(grants: readonly Grant[], role: Role, place: GrantScope): boolean {
  return permissionsOf(role).every(
    (name) => isAllowed(grants, name, place) || !isAskedAt(PERMISSIONS[name].at, place.kind),
  );
}
