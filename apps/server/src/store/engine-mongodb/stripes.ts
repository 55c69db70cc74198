/**
 * The stripes of a space: a lock that many hold at the same time and few hold alone (round.ts). Whoever relies on a gate writes to one
 * stripe, whoever takes a gate away writes to all.
 */
import type { ClientSession, Db } from 'mongodb';
import type { SpaceName } from '../engine.ts';
import type { OpenSpace } from './open-space.ts';

/** Name of the collection. */
export const STRIPES_TABLE = 'kuvert-stripes';
/** More than the rounds that all processes together have in flight on one space, or some of them collide and go again. */
export const STRIPES: readonly number[] = Array.from({ length: 32 }, (_, number) => number);

/** A stripe. */
export interface StripeDocument {
  _id: string;
  t: string;
  n: number;
}

function stripeId(space: SpaceName, stripe: number): string {
  return `${space}/${String(stripe).padStart(2, '0')}`;
}

/** Makes the stripes of a space; those that are there stay. */
export async function makeStripes(db: Db, space: SpaceName): Promise<void> {
  await db.collection<StripeDocument>(STRIPES_TABLE).bulkWrite(
    STRIPES.map((stripe) => {
      const _id = stripeId(space, stripe);
      return { updateOne: { filter: { _id, t: space }, update: { $setOnInsert: { n: 0 } }, upsert: true } };
    }),
    { ordered: false },
  );
}

/** Writes to stripes in a transaction. */
export async function bumpStripes(
  space: OpenSpace,
  session: ClientSession,
  stripes: readonly number[],
): Promise<void> {
  const ids = stripes.map((stripe) => stripeId(space.name, stripe));
  const table = space.database.collection<StripeDocument>(STRIPES_TABLE);
  const { matchedCount } = await table.updateMany(
    { t: space.name, _id: { $in: ids } },
    { $set: { n: space.nextVersion() } },
    { session },
  );
  if (matchedCount !== stripes.length) throw new Error(`stripes of ${space.name} are missing`);
}
