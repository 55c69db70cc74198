/** Operator calls about administrators: the way in when nobody can sign in any more. */
import { KuvertError } from '@kuvert/protocol';
import type { Grant } from '@kuvert/protocol/admin';
import { defineOperatorRoutes } from '../../http/operator-routes.ts';
import type { Store } from '../../store/index.ts';
import { type AuditRecords, logsOf } from '../audit/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { administrators, signInRules } from './collections.ts';
import { INSTALLATION } from './grants.ts';
import type { Invitations } from './invitations.ts';

/** @see operatorCalls */
export const administratorOperatorRoutes = (parts: {
  readonly invitations: Invitations;
  readonly tenants: TenantService;
  readonly audit: AuditRecords;
  readonly store: Pick<Store, 'operator'>;
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
      // Who has lost all access has an account, and comes back to it.
      const known = await parts.store.operator().findBy(administrators, 'byMail', mail);
      const about = tenantId === undefined ? (['operator'] as const) : (['operator', tenantId] as const);
      const logs = known === undefined ? about : [...about, ...logsOf(known.grants)];
      const made = await parts.invitations.make(
        { grant, mail, kind: 'invitation', renews: known?.administratorId },
        () =>
          async (tx, { object, after }) => {
            if (liftSignInRules) tx.delete(signInRules, tenantId ?? INSTALLATION);
            parts.audit.inOperator(tx, logs, {
              action: 'break-glass.invited',
              object,
              after: { ...after, liftSignInRules, renews: known?.administratorId },
            });
          },
      );
      return { code: made.code, expiresAt: new Date(made.expiresAtMs).toISOString() };
    },
  });
