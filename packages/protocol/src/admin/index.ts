/** The administration API as a table: operations, permissions, and what is made from them. */
export { AUDIT_LIMITS, type AuditEntryView } from './audit.ts';
export * from './audit-entry.ts';
export * from './audit-export.ts';
export { BROWSER_REQUEST_KINDS } from './browser-requests.ts';
export * from './client.ts';
export * from './features.ts';
export * from './openapi.ts';
export * from './operation.ts';
export { RECOVERY_CODES } from './own-factors.ts';
export type { PasskeyCreated, PasskeyShown } from './passkeys.ts';
export {
  PASSWORD_DUE,
  PASSWORD_LIMITS,
  PASSWORD_REASONS,
  PASSWORD_SCORE_MIN,
  type PasswordDue,
  type PasswordReason,
  type PasswordStrength,
} from './passwords.ts';
export * from './permissions.ts';
export { AllowedNetworks, PASSWORD_AGE_DEVIATION } from './sign-in-rules.ts';
export * from './table.ts';
