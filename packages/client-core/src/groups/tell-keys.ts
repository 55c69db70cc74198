/** Group keys for a further device of one's own: what was sealed for its person's devices was sealed before it was one of them. */
import { READER_VERSION } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { queueForOwnDevices } from '../own-lane.ts';

const GROUPS_PER_CONTENT = 32;

/** Tells a further device of one's own the keys of all groups. Has to run in a transaction. */
export function tellGroupKeys(context: Context): void {
  const { groups } = context.store;
  const known = groups.list().flatMap(({ groupId }) => {
    const keys = groups.listKeys(groupId).slice(-64);
    return keys.length > 0 ? [{ group: groupId, keys }] : [];
  });
  for (let at = 0; at < known.length; at += GROUPS_PER_CONTENT) {
    const some = known.slice(at, at + GROUPS_PER_CONTENT);
    const content = { kind: 'group-keys' as const, minReader: READER_VERSION, groups: some };
    queueForOwnDevices(context, { content });
  }
}
