/**
 * Operator calls on the loopback ops listener: JSON over HTTP, each request signed with the operator key (HMAC). From
 * the administration API on they are an audited local break-glass only.
 */
import { z } from 'zod';
import { displayName, idSchema, mailAddress } from './schemas.ts';

/** One operator call. */
export interface OperatorCall<P extends z.ZodType, R extends z.ZodType> {
  readonly path: string;
  readonly params: P;
  readonly result: R;
}

function call<P extends z.ZodType, R extends z.ZodType>(
  path: string,
  params: P,
  result: R,
): OperatorCall<P, R> {
  return { path, params, result };
}

/** All operator calls; each is a POST to its path. */
export const operatorCalls = {
  installation: call(
    '/operator/v1/installation',
    z.object({}),
    z.object({ tenants: z.number().int().min(0) }),
  ),
  tenantCreate: call(
    '/operator/v1/tenants/create',
    z.object({ name: displayName }),
    z.object({ tenantId: idSchema('tenant') }),
  ),
  personAdd: call(
    '/operator/v1/people/add',
    z.object({ tenantId: idSchema('tenant'), name: displayName, mail: mailAddress }),
    z.object({ personId: idSchema('person') }),
  ),
  /** The token is for one device and one use. `personId` alone names the tenant too: the operator port looks it up. */
  tokenCreate: call(
    '/operator/v1/tokens/create',
    z.object({ personId: idSchema('person') }),
    z.object({ token: z.string(), expiresAt: z.iso.datetime() }),
  ),
  /** For a person who has lost all devices that may sign: a token whose device begins anew; all others are out with it. */
  personReset: call(
    '/operator/v1/people/reset',
    z.object({ personId: idSchema('person') }),
    z.object({ token: z.string(), expiresAt: z.iso.datetime() }),
  ),
  /** Break-glass: for a place that nobody can administer any more. Whoever accepts chooses password and second factor; it stands in the audit log of the place. */
  administratorInvite: call(
    '/operator/v1/administrators/invite',
    z
      .object({
        /** Left out for the installation, whose only role is `operator`. */
        tenantId: idSchema('tenant').optional(),
        role: z.enum(['operator', 'tenant-admin', 'help-desk', 'auditor']),
        mail: mailAddress,
        /** Takes back from where and how administrators of the place come in, for whom these rules have shut out. */
        liftSignInRules: z.boolean().default(false),
      })
      .refine(({ tenantId, role }) => (tenantId === undefined) === (role === 'operator')),
    z.object({ code: z.string(), expiresAt: z.iso.datetime() }),
  ),
  /** Why can one person see another, or why not? Both by id. */
  exchangeWhy: call(
    '/operator/v1/people/why',
    z.object({ from: idSchema('person'), to: idSchema('person') }),
    z.object({
      may: z.boolean(),
      reason: z.enum(['self', 'same-area', 'unknown-person']),
      area: z.string().max(200).optional(),
    }),
  ),
  deviceRevoke: call('/operator/v1/devices/revoke', z.object({ deviceId: idSchema('device') }), z.object({})),
  keysRotate: call(
    '/operator/v1/keys/rotate',
    z.object({}),
    z.object({ keyId: z.string(), rewrapped: z.number().int().min(0) }),
  ),
  /** What the server holds for a device, as an example for people: sizes and bytes, nothing readable. */
  mailboxPeek: call(
    '/operator/v1/mailbox/peek',
    z.object({ deviceId: idSchema('device'), limit: z.number().int().min(1).max(10).default(1) }),
    z.object({ envelopes: z.array(z.object({ sizeBytes: z.number().int(), hex: z.string() })) }),
  ),
} as const;

/** Name of an operator call. */
export type OperatorCallName = keyof typeof operatorCalls;

/** Headers of a signed operator request. */
export const OPERATOR_HEADERS = {
  time: 'kuvert-operator-time',
  nonce: 'kuvert-operator-nonce',
  mac: 'kuvert-operator-mac',
} as const;

/** What an operator request's HMAC-SHA256 covers, as text; the body as hex of its SHA-256. */
export function operatorRequestText(parts: {
  path: string;
  timeMs: string;
  nonce: string;
  bodySha256Hex: string;
}): string {
  return `POST\n${parts.path}\n${parts.timeMs}\n${parts.nonce}\n${parts.bodySha256Hex}`;
}
