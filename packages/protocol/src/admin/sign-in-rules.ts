/** From where and how administrators come in: rules of a tenant for those who administer it, and of the installation for operators. */
import { z } from 'zod';
import { idSchema } from '../schemas.ts';
import { operation } from './operation.ts';
import { ROLES } from './permissions.ts';

/** An address, or a network as CIDR; the server looks at it closely. */
const Network = z.string().regex(/^[0-9a-fA-F.:]{2,45}(\/\d{1,3})?$/);
const networks = z.array(Network).min(1).max(100).optional();

/** Networks for a role; what is said of a role stands in the place of what is said of everybody. Of whom nothing is said may come from anywhere. */
export const AllowedNetworks = z
  .object({ everybody: networks, ...Object.fromEntries(ROLES.map((role) => [role, networks])) })
  .strict() as z.ZodObject<{ [K in 'everybody' | (typeof ROLES)[number]]: typeof networks }, z.core.$strict>;
export type AllowedNetworks = z.infer<typeof AllowedNetworks>;

const Rules = z.object({
  networks: AllowedNetworks,
  /** Password and authenticator app neither sign in nor count as a fresh second factor. */
  passkeysOnly: z.boolean(),
  /** null for never. */
  passwordMaxAgeDays: z
    .int()
    .min(30)
    .max(3_650)
    .nullable()
    .describe(
      'Days after which a sign-in leads to choosing another password; null for never. A deviation: NIST SP 800-63B-4 (3.1.1.2), BSI ORP.4.A23 and OWASP ASVS 5.0 (6.2.10) advise against changes by date.',
    ),
});
const Change = Rules.partial();

/** What a setting departs from, and why one should not. */
export const PASSWORD_AGE_DEVIATION = {
  from: ['NIST SP 800-63B-4 (3.1.1.2)', 'BSI IT-Grundschutz ORP.4.A23', 'OWASP ASVS 5.0 (6.2.10)'],
  en: 'A deviation: they advise against changing passwords by date, because people then choose weaker ones. Passwords from breaches are asked to be changed in any case.',
  de: 'Eine Abweichung: Sie raten davon ab, Passwörter nach Datum zu wechseln, weil dann schwächere gewählt werden. Bei Passwörtern aus Datenlecks wird ohnehin zum Wechsel aufgefordert.',
} as const;

/** Rules as they are shown: a setting against which those advise who set the rules of the field says so. */
const Shown = Rules.extend({
  deviations: z
    .array(
      z.object({
        setting: z.literal('passwordMaxAgeDays'),
        from: z.array(z.string()),
        /** In the language of the caller. */
        says: z.string(),
      }),
    )
    .max(1),
});

const tenantParams = z.object({ tenantId: idSchema('tenant') });
const errors = ['version_required', 'version_conflict', 'address_excluded', 'passkey_required'] as const;
const example = {
  body: { networks: { 'help-desk': ['10.0.0.0/8', '2001:db8::/32'] } },
  result: {
    networks: { 'help-desk': ['10.0.0.0/8', '2001:db8::/32'] },
    passkeysOnly: false,
    passwordMaxAgeDays: null,
    deviations: [],
  },
};

export const signInRulesGet = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/sign-in-rules',
  summary: 'Shows from where and how those come in who administer a tenant.',
  access: 'tenant.read',
  versioned: true,
  params: tenantParams,
  result: Shown,
  example: { params: { tenantId: 'tn_…' }, result: example.result },
});

export const signInRulesChange = operation({
  method: 'PATCH',
  path: '/tenants/{tenantId}/sign-in-rules',
  summary:
    'Changes from where and how those come in who administer a tenant; what is left out stays, and networks are given as a whole. Refused where it would shut out who asks for it. A greatest age of passwords (`passwordMaxAgeDays`) deviates from what NIST, BSI and OWASP advise.',
  access: 'administrators.change',
  stepUp: true,
  versioned: true,
  params: tenantParams,
  body: Change,
  result: Shown,
  errors,
  example: { params: { tenantId: 'tn_…' }, ...example },
});

export const operatorSignInRulesGet = operation({
  method: 'GET',
  path: '/sign-in-rules',
  summary: 'Shows from where and how operators come in.',
  access: 'operators.read',
  versioned: true,
  result: Shown,
  example: { result: example.result },
});

export const operatorSignInRulesChange = operation({
  method: 'PATCH',
  path: '/sign-in-rules',
  summary:
    'Changes from where and how operators come in; what is left out stays, and networks are given as a whole. Refused where it would shut out who asks for it. A greatest age of passwords (`passwordMaxAgeDays`) deviates from what NIST, BSI and OWASP advise.',
  access: 'operators.change',
  stepUp: true,
  versioned: true,
  body: Change,
  result: Shown,
  errors,
  example,
});
