/** Operator calls about administrators: the way in when nobody can sign in any more. */
import { KuvertError } from '@kuvert/protocol';
import type { Grant } from '@kuvert/protocol/admin';
import { defineOperatorRoutes } from '../../http/operator-routes.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { signInRules } from './collections.ts';
import { INSTALLATION } from './grants.ts';
import type { Invitations } from './invitations.ts';

/** @see operatorCalls */
export const administratorOperatorRoutes = (parts: {
  readonly invitations: Invitations;
  readonly tenants: TenantService;
  readonly audit: AuditRecords;
}) =>
  defineOperatorRoutes({
    administratorInvite: async ({ tenantId, role, mail, liftSignInRules }) => {
      if (tenantId !== undefined && !(await parts.tenants.exists(tenantId)))
        throw new KuvertError('not_found');
      const scope =
        tenantId === undefined
          ? ({ kind: 'installation' } as const)
          : ({ kind: 'tenant', tenantId } as const);
      const grant: Grant = { role, scope };
      const logs = tenantId === undefined ? (['operator'] as const) : (['operator', tenantId] as const);
      const made = await parts.invitations.make(
        { grant, mail, kind: 'invitation' },
        () =>
          async (tx, { object, after }) => {
            if (liftSignInRules) tx.delete(signInRules, tenantId ?? INSTALLATION);
            parts.audit.inOperator(tx, logs, {
              action: 'break-glass.invited',
              object,
              after: { ...after, liftSignInRules },
            });
          },
      );
      return { code: made.code, expiresAt: new Date(made.expiresAtMs).toISOString() };
    },
  });
