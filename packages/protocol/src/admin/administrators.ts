/** Who administers what: administrators of a tenant, operators, their roles and invitations. */
import { z } from 'zod';
import { displayName, idSchema, mailAddress } from '../schemas.ts';
import { apiTime, operation } from './operation.ts';
import { GrantScope, ROLES } from './permissions.ts';
import { InvitationMade } from './tenants.ts';

const tenantParams = z.object({ tenantId: idSchema('tenant') });
const administratorParams = tenantParams.extend({ administratorId: idSchema('administrator') });
const invitationParams = tenantParams.extend({ invitationId: idSchema('invitation') });

/** Roles that people can hold in a tenant; `integration` is for programs, `operator` for the installation. */
const tenantRole = z.enum(['tenant-admin', 'group-admin', 'help-desk', 'auditor']);

/** A role in the tenant, or for the people of one pool. */
const GrantChoice = z.object({
  role: tenantRole,
  poolId: idSchema('pool').optional(),
});

const Administrator = z.object({
  administratorId: idSchema('administrator'),
  name: displayName,
  mail: mailAddress,
  createdAt: apiTime,
  /** Only those in the place that was asked about. */
  grants: z.array(z.object({ role: z.enum(ROLES), scope: GrantScope })).max(100),
});
const Invitation = z.object({
  invitationId: idSchema('invitation'),
  mail: mailAddress.nullable(),
  grants: z.array(z.object({ role: z.enum(ROLES), scope: GrantScope })).max(100),
  expiresAt: apiTime,
});

const exampleAdministrator = {
  administratorId: 'ad_…',
  name: 'Anna',
  mail: 'anna@acme.test',
  createdAt: '2026-01-02T08:00:00.000Z',
  grants: [{ role: 'tenant-admin', scope: { kind: 'tenant', tenantId: 'tn_…' } }],
};
const exampleInvitation = {
  invitationId: 'iv_…',
  mail: 'hugo@acme.test',
  grants: [{ role: 'help-desk', scope: { kind: 'tenant', tenantId: 'tn_…' } }],
  expiresAt: '2026-01-05T08:00:00.000Z',
};
const exampleMade = { invitationId: 'iv_…', code: 'k3fq-…', expiresAt: '2026-01-05T08:00:00.000Z' };

export const administratorList = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/administrators',
  summary: 'Lists who administers a tenant, with their roles in it.',
  access: 'administrators.read',
  params: tenantParams,
  result: z.object({ administrators: z.array(Administrator).max(1_000) }),
  example: { params: { tenantId: 'tn_…' }, result: { administrators: [exampleAdministrator] } },
});

export const administratorInvite = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/invitations',
  summary:
    'Invites somebody to administer. The code is shown this once; who has it chooses a password and a second factor (`invitations.open`), or adds the role to their account (`invitations.join`). An auditor takes two to name.',
  access: 'administrators.change',
  stepUp: true,
  idempotent: true,
  fourEyes: ({ role }) => role === 'auditor',
  params: tenantParams,
  body: GrantChoice.extend({ mail: mailAddress }),
  result: InvitationMade,
  example: {
    params: { tenantId: 'tn_…' },
    body: { role: 'help-desk', mail: 'hugo@acme.test' },
    result: exampleMade,
  },
});

export const invitationList = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/invitations',
  summary: 'Lists invitations that were not accepted yet.',
  access: 'administrators.read',
  params: tenantParams,
  result: z.object({ invitations: z.array(Invitation).max(1_000) }),
  example: { params: { tenantId: 'tn_…' }, result: { invitations: [exampleInvitation] } },
});

export const invitationWithdraw = operation({
  method: 'DELETE',
  path: '/tenants/{tenantId}/invitations/{invitationId}',
  summary: 'Withdraws an invitation.',
  access: 'administrators.change',
  params: invitationParams,
  example: { params: { tenantId: 'tn_…', invitationId: 'iv_…' } },
});

export const grantCreate = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/administrators/{administratorId}/grants',
  summary:
    'Gives a role to somebody who administers in this tenant already. Nobody gives what they do not hold; an auditor takes two to name. Does nothing when they hold it.',
  access: 'administrators.change',
  stepUp: true,
  fourEyes: ({ role }) => role === 'auditor',
  params: administratorParams,
  body: GrantChoice,
  example: { params: { tenantId: 'tn_…', administratorId: 'ad_…' }, body: { role: 'help-desk' } },
});

export const grantTake = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/administrators/{administratorId}/grants/take',
  summary:
    'Takes a role away, at once: sessions end. An account without roles is removed. The last tenant administrator stays.',
  access: 'administrators.change',
  stepUp: true,
  params: administratorParams,
  body: GrantChoice,
  errors: ['last_administrator'],
  example: { params: { tenantId: 'tn_…', administratorId: 'ad_…' }, body: { role: 'help-desk' } },
});

export const administratorSignOut = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/administrators/{administratorId}/sign-out',
  summary: 'Ends all sessions of somebody who administers in this tenant, at once.',
  access: 'administrators.change',
  stepUp: true,
  params: administratorParams,
  example: { params: { tenantId: 'tn_…', administratorId: 'ad_…' } },
});

export const administratorReset = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/administrators/{administratorId}/reset',
  summary:
    'For somebody who has lost the second factor: ends all their sessions and makes a code, shown this once, with which they choose a password and add an authenticator app anew (`invitations.open` and `invitations.accept`). Make sure first that it is them. Nobody resets their own, nor that of somebody who holds more.',
  access: 'administrators.change',
  stepUp: true,
  params: administratorParams,
  result: InvitationMade,
  example: { params: { tenantId: 'tn_…', administratorId: 'ad_…' }, result: exampleMade },
});

export const operatorReset = operation({
  method: 'POST',
  path: '/operators/{administratorId}/reset',
  summary: 'The same for an operator, by another one.',
  access: 'operators.change',
  stepUp: true,
  params: z.object({ administratorId: idSchema('administrator') }),
  result: InvitationMade,
  example: { params: { administratorId: 'ad_…' }, result: exampleMade },
});

export const operatorList = operation({
  method: 'GET',
  path: '/operators',
  summary: 'Lists the operators of the installation.',
  access: 'operators.read',
  result: z.object({ administrators: z.array(Administrator).max(1_000) }),
  example: {
    result: {
      administrators: [
        {
          ...exampleAdministrator,
          grants: [{ role: 'operator', scope: { kind: 'installation' } }],
        },
      ],
    },
  },
});

export const operatorInvite = operation({
  method: 'POST',
  path: '/operators/invitations',
  summary: 'Invites a further operator. Always takes two.',
  access: 'operators.change',
  stepUp: true,
  idempotent: true,
  fourEyes: () => true,
  body: z.object({ mail: mailAddress }),
  result: InvitationMade,
  example: { body: { mail: 'otto@example.test' }, result: exampleMade },
});

export const operatorTake = operation({
  method: 'DELETE',
  path: '/operators/{administratorId}',
  summary: 'Takes the role of operator away, at once. The last operator stays.',
  access: 'operators.change',
  stepUp: true,
  params: z.object({ administratorId: idSchema('administrator') }),
  errors: ['last_administrator'],
  example: { params: { administratorId: 'ad_…' } },
});

export const invitationJoin = operation({
  method: 'POST',
  path: '/invitations/join',
  summary: 'Accepts an invitation with the account that is signed in, whose mail address it must be for.',
  access: 'signed-in',
  stepUp: true,
  body: z.object({ code: z.string().min(1).max(100) }),
  errors: ['invitation_not_valid'],
  example: { body: { code: 'k3fq-…' } },
});
