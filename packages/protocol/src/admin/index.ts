/** The administration API as a table: operations, permissions, and what is made from them. */
import { installationGet } from './installation.ts';
import type { AdminOperation } from './operation.ts';
import {
  invitationAccept,
  invitationOpen,
  me,
  sessionCreate,
  sessionEnd,
  sessionList,
  sessionStepUp,
} from './sign-in.ts';

/** Every operation by its id. */
export const ADMIN_OPERATIONS = {
  'installation.get': installationGet,
  'invitations.open': invitationOpen,
  'invitations.accept': invitationAccept,
  'sessions.create': sessionCreate,
  'sessions.step-up': sessionStepUp,
  'sessions.list': sessionList,
  'sessions.end': sessionEnd,
  me,
} as const satisfies Record<string, AdminOperation>;
/** Id of an operation. */
export type AdminOperationId = keyof typeof ADMIN_OPERATIONS;

export * from './audit-entry.ts';
export * from './openapi.ts';
export * from './operation.ts';
export * from './permissions.ts';
export { PASSWORD_LIMITS } from './sign-in.ts';
