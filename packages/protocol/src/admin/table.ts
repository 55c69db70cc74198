/** Every operation of the administration API. */
import * as administrators from './administrators.ts';
import * as approvals from './approvals.ts';
import { auditOperations } from './audit.ts';
import * as browser from './browser-requests.ts';
import { installationGet } from './installation.ts';
import * as integrations from './integrations.ts';
import type { AdminOperation } from './operation.ts';
import * as ownFactors from './own-factors.ts';
import * as passkeys from './passkeys.ts';
import * as passwords from './passwords.ts';
import * as people from './people.ts';
import * as pools from './pools.ts';
import * as signIn from './sign-in.ts';
import * as signInRules from './sign-in-rules.ts';
import * as tenants from './tenants.ts';

/** Every operation by its id. */
export const ADMIN_OPERATIONS = {
  'installation.get': installationGet,
  'invitations.open': signIn.invitationOpen,
  'invitations.check-password': passwords.invitationCheckPassword,
  'invitations.accept': signIn.invitationAccept,
  'invitations.join': administrators.invitationJoin,
  'sessions.create': signIn.sessionCreate,
  'sessions.step-up': signIn.sessionStepUp,
  'sessions.list': signIn.sessionList,
  'sessions.end': signIn.sessionEnd,
  'passkey-sign-in.begin': passkeys.passkeySignInBegin,
  'passkey-sign-in.finish': passkeys.passkeySignIn,
  'passkey-step-up.begin': passkeys.passkeyStepUpBegin,
  'passkey-step-up.finish': passkeys.passkeyStepUp,
  'browser-sign-in.begin': browser.browserSignInBegin,
  'browser-sign-in.finish': browser.browserSignInFinish,
  'browser-step-up.begin': browser.browserStepUpBegin,
  'browser-step-up.finish': browser.browserStepUpFinish,
  'browser-page.open': browser.browserPageOpen,
  'browser-page.answer': browser.browserPageAnswer,
  'passkeys.add-in-browser': browser.passkeyAddInBrowser,
  'passkeys.begin': passkeys.passkeyBegin,
  'passkeys.create': passkeys.passkeyCreate,
  'passkeys.list': passkeys.passkeyList,
  'passkeys.delete': passkeys.passkeyDelete,
  me: signIn.me,
  'password.check': passwords.passwordCheck,
  'password.change': passwords.passwordChange,
  'authenticator.begin': ownFactors.authenticatorBegin,
  'authenticator.change': ownFactors.authenticatorChange,
  'recovery-codes.renew': ownFactors.recoveryCodesRenew,
  'operators.list': administrators.operatorList,
  'operators.invite': administrators.operatorInvite,
  'operators.take': administrators.operatorTake,
  'operator-approvals.list': approvals.operatorApprovalList,
  'operator-approvals.approve': approvals.operatorApprovalApprove,
  'operator-approvals.refuse': approvals.operatorApprovalRefuse,
  'tenants.list': tenants.tenantList,
  'tenants.create': tenants.tenantCreate,
  'tenants.appoint': tenants.tenantAppoint,
  'tenants.suspend': tenants.tenantSuspend,
  'tenants.resume': tenants.tenantResume,
  'tenants.get': tenants.tenantGet,
  'tenants.change': tenants.tenantChange,
  'people.list': people.personList,
  'people.create': people.personCreate,
  'people.get': people.personGet,
  'people.change': people.personChange,
  'people.erase': people.personErase,
  'people.features': people.personFeatures,
  'people.reset': people.personReset,
  'people.lock': people.personLock,
  'people.unlock': people.personUnlock,
  'tokens.create': people.tokenCreate,
  'devices.list': people.deviceList,
  'devices.revoke': people.deviceRevoke,
  'pools.list': pools.poolList,
  'pools.create': pools.poolCreate,
  'pools.get': pools.poolGet,
  'pools.change': pools.poolChange,
  'pools.join': pools.poolJoin,
  'pools.leave': pools.poolLeave,
  'pools.people': people.poolPersonList,
  'pools.tokens': people.poolTokenCreate,
  'pools.devices': people.poolDeviceList,
  'pools.revoke': people.poolDeviceRevoke,
  'pools.lock': people.poolPersonLock,
  'pools.unlock': people.poolPersonUnlock,
  'administrators.list': administrators.administratorList,
  'administrators.invite': administrators.administratorInvite,
  'administrators.grant': administrators.grantCreate,
  'administrators.take': administrators.grantTake,
  'administrators.reset': administrators.administratorReset,
  'operators.reset': administrators.operatorReset,
  'administrators.sign-out': administrators.administratorSignOut,
  'sign-in-rules.get': signInRules.signInRulesGet,
  'sign-in-rules.change': signInRules.signInRulesChange,
  'operator-sign-in-rules.get': signInRules.operatorSignInRulesGet,
  'operator-sign-in-rules.change': signInRules.operatorSignInRulesChange,
  'invitations.list': administrators.invitationList,
  'invitations.withdraw': administrators.invitationWithdraw,
  'integrations.list': integrations.integrationList,
  'integrations.create': integrations.integrationCreate,
  'integrations.revoke': integrations.integrationRevoke,
  'approvals.list': approvals.approvalList,
  'approvals.approve': approvals.approvalApprove,
  'approvals.refuse': approvals.approvalRefuse,
  ...auditOperations,
} as const satisfies Record<string, AdminOperation>;
/** Id of an operation. */
export type AdminOperationId = keyof typeof ADMIN_OPERATIONS;
