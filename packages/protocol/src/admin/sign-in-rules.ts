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
});
const Change = Rules.partial();

const tenantParams = z.object({ tenantId: idSchema('tenant') });
const errors = ['version_required', 'version_conflict', 'address_excluded', 'passkey_required'] as const;
const example = {
  body: { networks: { 'help-desk': ['10.0.0.0/8', '2001:db8::/32'] } },
  result: { networks: { 'help-desk': ['10.0.0.0/8', '2001:db8::/32'] }, passkeysOnly: false },
};

export const signInRulesGet = operation({
  method: 'GET',
  path: '/tenants/{tenantId}/sign-in-rules',
  summary: 'Shows from where and how those come in who administer a tenant.',
  access: 'tenant.read',
  versioned: true,
  params: tenantParams,
  result: Rules,
  example: { params: { tenantId: 'tn_…' }, result: example.result },
});

export const signInRulesChange = operation({
  method: 'PATCH',
  path: '/tenants/{tenantId}/sign-in-rules',
  summary:
    'Changes from where and how those come in who administer a tenant; what is left out stays, and networks are given as a whole. Refused where it would shut out who asks for it.',
  access: 'administrators.change',
  stepUp: true,
  versioned: true,
  params: tenantParams,
  body: Change,
  result: Rules,
  errors,
  example: { params: { tenantId: 'tn_…' }, ...example },
});

export const operatorSignInRulesGet = operation({
  method: 'GET',
  path: '/sign-in-rules',
  summary: 'Shows from where and how operators come in.',
  access: 'operators.read',
  versioned: true,
  result: Rules,
  example: { result: example.result },
});

export const operatorSignInRulesChange = operation({
  method: 'PATCH',
  path: '/sign-in-rules',
  summary:
    'Changes from where and how operators come in; what is left out stays, and networks are given as a whole. Refused where it would shut out who asks for it.',
  access: 'operators.change',
  stepUp: true,
  versioned: true,
  body: Change,
  result: Rules,
  errors,
  example,
});
