/** What is stored of a tenant: that it exists (control file), and who it is (its own file). */
import { bytesSchema, displayName, idSchema, Signed, timeMs } from '@kuvert/protocol';
import { FeatureChoices } from '@kuvert/protocol/admin';
import { z } from 'zod';
import { collection } from '../../store/index.ts';

/** The tenants of this installation. A tenant without a row here is not there, whatever a crash left behind. */
export const tenants = collection('tenants', {
  scope: 'operator',
  document: z.object({
    tenantId: idSchema('tenant'),
    createdAt: timeMs,
    /** Absent while the tenant may go on. */
    suspendedAt: timeMs.optional(),
  }),
  key: ['tenantId'],
});

/** Name and identity of the tenant whose file this is: one row. */
export const tenantProfiles = collection('tenant-profiles', {
  document: z.object({
    tenantId: idSchema('tenant'),
    name: displayName,
    /** The tenant root's public key, algorithm byte first. */
    root: bytesSchema(33),
    /** The root's certificate for the authority. */
    authority: Signed,
    /** 32-byte Ed25519 seeds. */
    rootPrivateKey: bytesSchema(32),
    authorityPrivateKey: bytesSchema(32),
    /** What everybody may do who is in no pool that says otherwise; absent where nobody has said anything. */
    features: FeatureChoices.optional(),
  }),
  key: ['tenantId'],
  sealed: ['name', 'rootPrivateKey', 'authorityPrivateKey'],
});
