/** The administration API as a table: operations, permissions, and what is made from them. */
import { installationGet } from './installation.ts';
import type { AdminOperation } from './operation.ts';

/** Every operation by its id. */
export const ADMIN_OPERATIONS = {
  'installation.get': installationGet,
} as const satisfies Record<string, AdminOperation>;
/** Id of an operation. */
export type AdminOperationId = keyof typeof ADMIN_OPERATIONS;

export * from './openapi.ts';
export * from './operation.ts';
export * from './permissions.ts';
