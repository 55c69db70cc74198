/**
 * What is stored of requests that somebody else has to approve: in the file in which their effect lies, so that it happens in the commit that marks it as done. That is the
 * control file for what administrators hold, and a tenant's file for what the tenant has.
 */
import { idSchema, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import { collection } from '../../store/index.ts';

const document = z.object({
  approvalId: idSchema('approval'),
  /** Id of a tenant, or `installation`. */
  place: z.string().max(40),
  state: z.enum(['open', 'executed', 'refused', 'expired', 'failed']),
  operation: z.string().max(100),
  /** JSON of operation, parameters and body: exactly what will happen. */
  payload: z.string().max(70_000),
  /** SHA-256 of it under its label, in hexadecimal. */
  payloadHash: z.string().length(64),
  requestedBy: idSchema('administrator'),
  requestedAt: timeMs,
  expiresAt: timeMs,
  decidedBy: idSchema('administrator').nullable(),
  decidedAt: timeMs.nullable(),
  forgetAt: timeMs,
});
const options = {
  document,
  key: ['approvalId'],
  indexes: { byPlace: ['place', 'requestedAt'], byState: ['state', 'expiresAt'] },
  sealed: ['payload'],
  retention: 'forgetAt',
} as const;

/** Requests whose effect lies in the control file. */
export const approvals = collection('approvals', { ...options, scope: 'operator' });
/** Requests whose effect lies in the tenant's file. */
export const tenantApprovals = collection('tenant-approvals', options);
