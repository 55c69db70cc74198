/** Operations on what waits for somebody else's approval. */
import type { AdministratorId, ApprovalId } from '@kuvert/protocol';
import type { NoteEffect } from '../../effects.ts';
import {
  type AdminCaller,
  defineAdminRoutes,
  type Execute,
  isoTime,
  signedIn,
} from '../../http/admin/admin-routes.ts';
import { type ApprovalRow, type ApprovalService, payloadOf } from './service.ts';

const PAGE = 100;
const INSTALLATION = 'installation';

/** @see ADMIN_OPERATIONS */
export const approvalAdminRoutes = (
  approvals: ApprovalService,
  nameOf: (administratorId: AdministratorId) => Promise<string | null>,
) => {
  async function list(
    place: string,
    { cursor, limit = PAGE }: { cursor?: string | undefined; limit?: number | undefined },
  ) {
    const { rows, next } = await approvals.list(place, { cursor, limit });
    return { result: { approvals: await Promise.all(rows.map(shown)), next } };
  }

  async function approve(
    place: string,
    asked: { readonly approvalId: ApprovalId; readonly payloadHash: string },
    by: {
      readonly caller: AdminCaller | undefined;
      readonly execute: Execute;
      readonly note: NoteEffect<'operator'>;
    },
  ) {
    const { administratorId } = signedIn(by.caller);
    const result = await approvals.approve({ ...asked, place, by: administratorId }, by.execute, by.note);
    return { result: { state: 'executed' as const, result: (result as Record<string, unknown>) ?? null } };
  }

  async function refuse(
    place: string,
    approvalId: ApprovalId,
    by: { readonly caller: AdminCaller | undefined; readonly note: NoteEffect<'operator'> },
  ) {
    const { administratorId } = signedIn(by.caller);
    await approvals.refuse({ place, approvalId, by: administratorId }, by.note);
    return { result: undefined };
  }

  async function shown(row: ApprovalRow) {
    const { approvalId, state, payloadHash, requestedBy, decidedBy, decidedAt } = row;
    const { operation, params, body } = payloadOf(row);
    return {
      approvalId,
      state,
      operation,
      params,
      body,
      payloadHash,
      requestedBy: { administratorId: requestedBy, name: await nameOf(requestedBy) },
      requestedAt: isoTime(row.requestedAt),
      expiresAt: isoTime(row.expiresAt),
      decidedBy: decidedBy === null ? null : { administratorId: decidedBy, name: await nameOf(decidedBy) },
      decidedAt: decidedAt === null ? null : isoTime(decidedAt),
    };
  }

  return defineAdminRoutes({
    'approvals.list': ({ params, query }) => list(params.tenantId, query),
    'approvals.approve': ({ params, body, caller, execute, noted }) =>
      approve(
        params.tenantId,
        { approvalId: params.approvalId, ...body },
        { caller, execute, note: noted.operator },
      ),
    'approvals.refuse': ({ params, caller, noted }) =>
      refuse(params.tenantId, params.approvalId, { caller, note: noted.operator }),
    'operator-approvals.list': ({ query }) => list(INSTALLATION, query),
    'operator-approvals.approve': ({ params, body, caller, execute, noted }) =>
      approve(
        INSTALLATION,
        { approvalId: params.approvalId, ...body },
        { caller, execute, note: noted.operator },
      ),
    'operator-approvals.refuse': ({ params, caller, noted }) =>
      refuse(INSTALLATION, params.approvalId, { caller, note: noted.operator }),
  });
};
