/** The administration API as a table: operations, permissions, and what is made from them. */
export { AUDIT_LIMITS, type AuditEntryView } from './audit.ts';
export * from './audit-entry.ts';
export * from './audit-export.ts';
export * from './client.ts';
export * from './features.ts';
export * from './openapi.ts';
export * from './operation.ts';
export type { PasskeyCreated, PasskeyShown } from './passkeys.ts';
export * from './permissions.ts';
export { PASSWORD_LIMITS } from './sign-in.ts';
export { AllowedNetworks } from './sign-in-rules.ts';
export * from './table.ts';
