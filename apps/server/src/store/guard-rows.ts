import { z } from 'zod';
import { collection } from './collection.ts';

const GuardRow = z.object({ key: z.instanceof(Uint8Array) });

/** Rows that exist only to be bumped by `tx.guard` (wire.md §5). Never removed: a row is 30 bytes. */
export const guardRows = {
  tenant: collection('guards', { document: GuardRow, key: ['key'] }),
  operator: collection('operator-guards', { document: GuardRow, key: ['key'], scope: 'operator' }),
};
