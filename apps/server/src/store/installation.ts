/**
 * What the data as a whole is: one row in the control space, read before anything else is done.
 *
 * - **epoch** is raised by every restore and told to devices, which notice that the server has forgotten something (wire.md §3).
 * - **level** is the newest form of data that may be written. A release reads the forms of its own level and of the one before, and
 *   writes the older one until an operator says `kuvert store finalise`; so one can go back to the release before until then.
 * - **restore** is `replay` from the moment in which a backup was put in place until the ledger of what must never un-happen was gone through
 *   (P5). Nobody is served in between.
 */
import { KuvertError } from '@kuvert/protocol';
import { z } from 'zod';
import { collection } from './collection.ts';
import type { InstallationFacts, OperatorScope } from './store.ts';

/** The level of this release. Raised when a release begins to write what the one before cannot read. */
export const DATA_LEVEL = 1;

const Installation = z.object({
  name: z.literal('this'),
  epoch: z.int().min(1),
  level: z.int().min(1),
  restore: z.enum(['none', 'replay']),
});

/** The row. */
export const installations = collection('installations', {
  scope: 'operator',
  document: Installation,
  key: ['name'],
});

/** Where the steps of `migrations.ts` are. */
export const migrationStates = collection('migration-states', {
  scope: 'operator',
  document: z.object({
    name: z.literal('this'),
    /** Of the declarations and the level that the steps are for. */
    digest: z.string(),
    space: z.string(),
    collection: z.string(),
    /** Hex of the last key that was done. */
    position: z.string(),
    isDone: z.boolean(),
  }),
  key: ['name'],
});

type Operator = Pick<OperatorScope, 'write' | 'find'>;

/**
 * Reads the row; makes it when there is none.
 * @throws KuvertError `data_too_new`, `finalise_first`
 */
export async function openInstallation(operator: Operator, level = DATA_LEVEL): Promise<InstallationFacts> {
  const facts = await operator.write(async (tx) => {
    const row = await tx.find(installations, 'this');
    if (row !== undefined) return row;
    const first = { name: 'this' as const, epoch: 1, level, restore: 'none' as const };
    tx.insert(installations, first);
    return first;
  });
  if (facts.level > level) throw new KuvertError('data_too_new');
  if (facts.level < level - 1) throw new KuvertError('finalise_first');
  return { epoch: facts.epoch, level: facts.level, restore: facts.restore };
}

/** Changes the row. */
export async function changeInstallation(
  operator: Operator,
  change: Partial<InstallationFacts>,
): Promise<void> {
  await operator.write(async (tx) => {
    tx.put(installations, { ...(await tx.get(installations, 'this')), ...change });
  });
}
