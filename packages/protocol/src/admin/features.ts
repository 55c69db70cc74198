/** What people may be allowed or denied, by tenant and by pool (C3). The server enforces each where it serves it. */
import { z } from 'zod';

/** Features by name, with what somebody without it cannot do. */
export const FEATURES = {
  directory: 'Browse the list of colleagues. Whoever knows an address can still write to it.',
  'further-devices': 'Link further devices to one’s account. Devices that are linked stay.',
} as const;
export type Feature = keyof typeof FEATURES;

const choice = z.enum(['allowed', 'denied']);

/** Features by name; one that is not named is inherited: a pool's from the tenant, the tenant's is allowed. */
export const FeatureChoices = z
  .object(Object.fromEntries(Object.keys(FEATURES).map((name) => [name, choice.optional()])))
  .strict() as z.ZodObject<{ [F in Feature]: z.ZodOptional<typeof choice> }>;
export type FeatureChoices = z.infer<typeof FeatureChoices>;

/**
 * Whether somebody has a feature: denied in one pool is denied, else allowed in one pool is allowed, else the tenant decides, and else it is
 * allowed.
 */
export function isFeatureAllowed(
  feature: Feature,
  choices: { readonly tenant: FeatureChoices; readonly pools: readonly FeatureChoices[] },
): boolean {
  const said = choices.pools.map((pool) => pool[feature]);
  if (said.includes('denied')) return false;
  if (said.includes('allowed')) return true;
  return choices.tenant[feature] !== 'denied';
}
