/** `docs/permissions.md`, printed from the table from which the server decides; a test holds the page against it. */
import type { AdminOperation } from './operation.ts';
import { PERMISSIONS, type Permission, ROLE_SCOPES, ROLES, type Role } from './permissions.ts';
import { ADMIN_OPERATIONS } from './table.ts';

const AT = { installation: 'installation', tenant: 'tenant', part: 'tenant or pool' } as const;

const ABOUT: { readonly [R in Role]: string } = {
  operator:
    'looks after tenants and machines, and has no right inside a tenant: not to its people, devices, records or content',
  'tenant-admin': 'administers a tenant',
  'group-admin': 'looks after the people of one group of people, which is a pool, and reaches nobody else',
  'help-desk': 'helps people with their devices',
  auditor: 'reads and changes nothing; always takes two to name',
  integration:
    'is a program with a key; of these permissions it has those that were named when the key was made',
};

/** The page. */
export function permissionsPage(): string {
  const operations = Object.entries<AdminOperation>(ADMIN_OPERATIONS);
  const needing = (name: Permission) =>
    operations.flatMap(([id, one]) => (one.access === name ? [`\`${id}\`${marksOf(one)}`] : [])).join(', ');
  const open = (access: 'public' | 'signed-in') =>
    operations.flatMap(([id, one]) => (one.access === access ? [`\`${id}\`${marksOf(one)}`] : [])).join(', ');
  const roles = ROLES.map((role) => `| \`${role}\` | ${ROLE_SCOPES[role].join(', ')} | ${ABOUT[role]} |`);
  const permissions = (Object.keys(PERMISSIONS) as Permission[]).map((name) => {
    const { about, at, roles: held } = PERMISSIONS[name];
    const ticks = ROLES.map((role) => ((held as readonly Role[]).includes(role) ? '✓' : ''));
    return `| \`${name}\` | ${about} | ${AT[at]} | ${ticks.join(' | ')} | ${needing(name)} |`;
  });
  return `# Permissions

Who may do what in the administration API. One table, \`packages/protocol/src/admin/permissions.ts\`, decides every request, prints this page and \`/api/v1/docs\`, and is what
\`tests/isolation/administration-roles.test.ts\` tries: every operation, by every role in every kind of place in which it can be held, in one's own tenant and pool, another's and one that is not there.

A grant is a role in a place. It reaches down, from a tenant into its pools, never up or across. A **pool** is a named group of people: a role can be held for its people alone, and features be allowed or denied to them
([api.md](api.md#who-may-do-what)); wherever somebody speaks of a right, a feature or an administrator of a group of people, it is a pool. There is no grant for a group in which people write: who is in it is signed by its members, and no administrator has a part in that
([decision](decisions/0015-pools-are-the-groups-of-administration.md)).

Nobody gives a role with a permission that they do not hold in that place. ² marks what wants a fresh second factor, ⁴ what somebody else has to approve, always or in some cases.

| role | held in | who |
| --- | --- | --- |
${roles.join('\n')}

| permission | what for | asked in | ${ROLES.join(' | ')} | operations |
| --- | --- | --- | ${ROLES.map(() => '---').join(' | ')} | --- |
${permissions.join('\n')}

Without a permission, for whoever has signed in: ${open('signed-in')}.

For anybody: ${open('public')}.
`;
}

function marksOf({ stepUp, fourEyes }: AdminOperation): string {
  return `${stepUp ? '²' : ''}${fourEyes ? '⁴' : ''}`;
}
