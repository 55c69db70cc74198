/** Operations on what waits for somebody else's approval. */
import type { AdministratorId, ApprovalId } from '@kuvert/protocol';
import type { Noted } from '../../effects.ts';
import {
  type AdminCaller,
  defineAdminRoutes,
  type Execute,
  isoTime,
  signedIn,
} from '../../http/admin/admin-routes.ts';
import { INSTALLATION, type Place } from '../administrators/index.ts';
import type { ApprovalRow } from './homes.ts';
import { type ApprovalService, payloadOf } from './service.ts';

const PAGE = 100;

/** @see ADMIN_OPERATIONS */
export const approvalAdminRoutes = (
  approvals: ApprovalService,
  nameOf: (administratorId: AdministratorId) => Promise<string | null>,
) => {
  async function list(
    place: Place,
    { cursor, limit = PAGE }: { cursor?: string | undefined; limit?: number | undefined },
  ) {
    const { rows, next } = await approvals.list(place, { cursor, limit });
    return { result: { approvals: await Promise.all(rows.map(shown)), next } };
  }

  async function approve(
    place: Place,
    asked: { readonly approvalId: ApprovalId; readonly payloadHash: string },
    by: {
      readonly caller: AdminCaller | undefined;
      readonly execute: Execute;
      readonly noted: Noted;
    },
  ) {
    const { administratorId } = signedIn(by.caller);
    const result = await approvals.approve({ ...asked, place, by: administratorId }, by.execute, by.noted);
    return { result: { state: 'executed' as const, result: (result as Record<string, unknown>) ?? null } };
  }

  async function refuse(
    place: Place,
    approvalId: ApprovalId,
    by: { readonly caller: AdminCaller | undefined; readonly noted: Noted },
  ) {
    const { administratorId } = signedIn(by.caller);
    await approvals.refuse({ place, approvalId, by: administratorId }, by.noted);
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
      approve(params.tenantId, { approvalId: params.approvalId, ...body }, { caller, execute, noted }),
    'approvals.refuse': ({ params, caller, noted }) =>
      refuse(params.tenantId, params.approvalId, { caller, noted }),
    'operator-approvals.list': ({ query }) => list(INSTALLATION, query),
    'operator-approvals.approve': ({ params, body, caller, execute, noted }) =>
      approve(INSTALLATION, { approvalId: params.approvalId, ...body }, { caller, execute, noted }),
    'operator-approvals.refuse': ({ params, caller, noted }) =>
      refuse(INSTALLATION, params.approvalId, { caller, noted }),
  });
};
