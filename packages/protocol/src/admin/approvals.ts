/** Four eyes: what waits for somebody else's approval, in a tenant or in the installation. */
import { z } from 'zod';
import { displayName, idSchema } from '../schemas.ts';
import { type AdminOperation, apiTime, EXAMPLE_HASH, operation, pageEnd, pageQuery } from './operation.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const tenantParams = z.object({ tenantId: idSchema('tenant') });
const approvalParams = tenantParams.extend({ approvalId: idSchema('approval') });

const Approval = z.object({
  approvalId: idSchema('approval'),
  state: z.enum(['open', 'executed', 'refused', 'expired', 'failed']),
  /** What will happen: the operation with its parameters, word for word. The hash is over exactly this. */
  operation: z.string().max(100),
  params: z.record(z.string(), z.string()),
  body: z.record(z.string(), z.unknown()),
  payloadHash: hash,
  requestedBy: z.object({ administratorId: idSchema('administrator'), name: displayName.nullable() }),
  requestedAt: apiTime,
  expiresAt: apiTime,
  decidedBy: z
    .object({ administratorId: idSchema('administrator'), name: displayName.nullable() })
    .nullable(),
  decidedAt: apiTime.nullable(),
});

const exampleApproval = {
  approvalId: 'ap_…',
  state: 'open',
  operation: 'administrators.invite',
  params: { tenantId: 'tn_…' },
  body: { role: 'auditor', mail: 'rita@acme.test' },
  payloadHash: EXAMPLE_HASH,
  requestedBy: { administratorId: 'ad_…', name: 'Anna' },
  requestedAt: '2026-01-02T08:00:00.000Z',
  expiresAt: '2026-01-03T08:00:00.000Z',
  decidedBy: null,
  decidedAt: null,
};

export const approvalList = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/approvals',
  summary: 'Lists what waits for somebody else’s approval or was decided, newest first.',
  access: 'administrators.read',
  params: tenantParams,
  query: pageQuery,
  result: z.object({ approvals: z.array(Approval).max(1_000), ...pageEnd }),
  example: { params: { tenantId: 'tn_…' }, result: { approvals: [exampleApproval] } },
});

export const approvalApprove = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/approvals/{approvalId}/approve',
  summary:
    'Approves what somebody else has asked for, and does it, once. The body repeats the hash of what was read, so that nothing else can happen. `result` is what the operation answers.',
  access: 'administrators.change',
  stepUp: true,
  params: approvalParams,
  body: z.object({ payloadHash: hash }),
  result: z.object({ state: z.literal('executed'), result: z.record(z.string(), z.unknown()).nullable() }),
  errors: ['approval_own', 'approval_over', 'version_conflict'],
  example: {
    params: { tenantId: 'tn_…', approvalId: 'ap_…' },
    body: { payloadHash: EXAMPLE_HASH },
    result: { state: 'executed', result: { invitationId: 'iv_…', code: 'k3fq-…' } },
  },
});

export const approvalRefuse = operation({
  method: 'POST',
  path: '/tenants/{tenantId}/approvals/{approvalId}/refuse',
  summary: 'Refuses what somebody has asked for, or takes back one’s own request.',
  access: 'administrators.change',
  params: approvalParams,
  errors: ['approval_over'],
  example: { params: { tenantId: 'tn_…', approvalId: 'ap_…' } },
});

const operatorApprovalParams = z.object({ approvalId: idSchema('approval') });

export const operatorApprovalList = {
  ...approvalList,
  path: '/approvals',
  access: 'operators.read',
  params: z.object({}),
  example: {
    result: {
      approvals: [
        {
          ...exampleApproval,
          operation: 'operators.invite',
          params: {},
          body: { mail: 'otto@example.test' },
        },
      ],
    },
  },
} satisfies AdminOperation;

export const operatorApprovalApprove = {
  ...approvalApprove,
  path: '/approvals/{approvalId}/approve',
  access: 'operators.change',
  params: operatorApprovalParams,
  example: { ...approvalApprove.example, params: { approvalId: 'ap_…' } },
} satisfies AdminOperation;

export const operatorApprovalRefuse = {
  ...approvalRefuse,
  path: '/approvals/{approvalId}/refuse',
  access: 'operators.change',
  params: operatorApprovalParams,
  example: { params: { approvalId: 'ap_…' } },
} satisfies AdminOperation;
