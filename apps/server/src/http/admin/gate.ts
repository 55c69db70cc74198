/** What the administration API asks of features, and what of its effects and refusals reaches the audit log where the features leave no record themselves. */
import type { AdministratorId, TenantId } from '@kuvert/protocol';
import type { AdminOperationId, AuditAction } from '@kuvert/protocol/admin';
import type { Effect } from '../../effects.ts';
import { type Place, placeOfScope } from '../../features/administrators/index.ts';
import type { AuditRecords, LogName } from '../../features/audit/index.ts';
import { logsOf } from '../../features/audit/index.ts';
import type { TenantService } from '../../features/tenants/index.ts';
import type { Log } from '../../log.ts';
import { callerId, type SignedIn } from './admin-routes.ts';
import { type AdminGate, type EffectContext, operationOf } from './calls.ts';

/** What an operation is called in the log, where its service does not record it. */
const ACTIONS: { readonly [Id in AdminOperationId]?: AuditAction } = {
  'invitations.join': 'role.given',
  'operators.invite': 'invitation.made',
  'operators.take': 'role.taken',
  'operator-approvals.approve': 'approval.decided',
  'operator-approvals.refuse': 'approval.decided',
  'tenants.appoint': 'invitation.made',
  'tenants.suspend': 'tenant.suspended',
  'tenants.resume': 'tenant.resumed',
  'tenants.change': 'tenant.changed',
  'sign-in-rules.change': 'sign-in-rules.changed',
  'operator-sign-in-rules.change': 'sign-in-rules.changed',
  'people.change': 'person.changed',
  'people.erase': 'person.erased',
  'people.lock': 'person.locked',
  'people.unlock': 'person.unlocked',
  'pools.lock': 'person.locked',
  'pools.unlock': 'person.unlocked',
  'pools.create': 'pool.created',
  'pools.change': 'pool.changed',
  'pools.join': 'pool.joined',
  'pools.leave': 'pool.left',
  'administrators.invite': 'invitation.made',
  'administrators.grant': 'role.given',
  'administrators.take': 'role.taken',
  'administrators.sign-out': 'session.ended',
  'invitations.withdraw': 'invitation.withdrawn',
  'integrations.create': 'integration.created',
  'integrations.revoke': 'integration.revoked',
  'approvals.approve': 'approval.decided',
  'approvals.refuse': 'approval.decided',
};

/** @see AdminGate */
export function createAdminGate(parts: {
  readonly administrators: Pick<AdminGate, 'authenticate' | 'callerAgain'>;
  readonly approvals: {
    request(
      asked: {
        readonly place: Place;
        readonly liesIn: 'tenant' | 'operator';
        readonly requestedBy: AdministratorId;
        readonly payload: {
          readonly operation: string;
          readonly params: Record<string, string>;
          readonly body: Record<string, unknown>;
        };
      },
      noted: Parameters<AdminGate['requestApproval']>[2],
    ): Promise<object>;
  };
  readonly tenants: Pick<TenantService, 'stateOf'>;
  /** What has to hold before something may be asked for that takes two: that what it is about is there. */
  readonly checks: {
    readonly [Id in AdminOperationId]?: (params: never, body: never, by: SignedIn) => Promise<void>;
  };
  readonly audit: AuditRecords;
  readonly promises: Pick<AdminGate, 'promiseFor'>;
  readonly log: Log;
}): AdminGate {
  const { administrators, approvals, tenants, checks, audit, promises, log } = parts;
  return {
    authenticate: (token, address) => administrators.authenticate(token, address),
    callerAgain: (administratorId) => administrators.callerAgain(administratorId),

    isSuspended: async (tenantId) => (await tenants.stateOf(tenantId)) === 'suspended',

    async onRefused(caller, operation, place) {
      log.warn({ event: 'admin-refused', administratorId: callerId(caller), method: operation });
      const object = 'tenantId' in place ? place.tenantId : undefined;
      const event = { action: 'authorisation.refused', outcome: 'refused', object } as const;
      // In the log of where they come from: of a tenant in which they have no part not even the time may tell that it is there.
      const logs = logsOf([...caller.grants, ...caller.elsewhere]);
      // The operator knows all of them, and what the operator has tried in one stands in its log too.
      const isThere =
        logs.includes('operator') && object !== undefined && (await tenants.stateOf(object)) !== undefined;
      await audit.note(isThere ? [...logs, object] : logs, event);
    },

    async onUnrecorded(caller, place) {
      const isTenants = caller === undefined || place.kind !== 'installation';
      const logs = isTenants && 'tenantId' in place ? [place.tenantId] : logsOf(caller?.grants ?? []);
      await audit.note(logs, { action: 'operation.done' });
    },

    promiseFor: (recorded) => promises.promiseFor(recorded),

    async onTenantEffect(tx, context, effect) {
      const action = actionOf(context);
      if (action === undefined || context.tenantId === undefined) return;
      audit.inTenant(tx, context.tenantId, { action, ...detailOf(effect, context) });
    },

    async onOperatorEffect(tx, context, effect) {
      const action = actionOf(context);
      if (action === undefined) return;
      audit.inOperator(tx, logsAbout(context), { action, ...detailOf(effect, context) });
    },

    async requestApproval(caller: SignedIn, { operation, place, params, body }, noted) {
      await checks[operation]?.(params as never, body as never, caller);
      const payload = {
        operation,
        params: params as Record<string, string>,
        body: body as Record<string, unknown>,
      };
      const requestedBy = caller.administratorId;
      return approvals.request(
        {
          place: placeOfScope(place),
          liesIn: operationOf(operation).fourEyesIn ?? 'operator',
          requestedBy,
          payload,
        },
        noted,
      );
    },
  };
}

function actionOf({ isRequest, operation }: EffectContext): AuditAction | undefined {
  return isRequest ? 'approval.requested' : ACTIONS[operation];
}

/** A tenant's matter stands in its log, and what the operator does about a tenant in both. */
function logsAbout({ tenantId, place }: EffectContext): readonly LogName[] {
  const logs: LogName[] = tenantId === undefined ? [] : [tenantId as TenantId];
  return place.kind === 'installation' ? ['operator', ...logs] : logs;
}

function detailOf({ object, before, after }: Effect, { approvedBy }: EffectContext) {
  const whole = approvedBy === undefined ? after : { ...after, approvedBy };
  return {
    ...(object === undefined ? {} : { object }),
    ...(before === undefined ? {} : { before }),
    ...(whole === undefined ? {} : { after: whole }),
  };
}
