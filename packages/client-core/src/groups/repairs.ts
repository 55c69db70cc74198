/**
 * What a device of a member could not open comes again to that person alone: the same frame in a leg of its own, and the sender key once more,
 * so that what follows can be opened.
 */
import { memberOf } from '@kuvert/crypto/groups';
import type { DeviceId, PersonId } from '@kuvert/protocol';
import { type Context, newId } from '../context.ts';
import type { OutboxRow } from '../store.ts';

/** Kind of a row of the outbox that carries a frame which was made for a group before. */
export const RESENT = 'resent';
/** How often one message of a group comes again. */
const RESENDS_MAX = 64;

/** Queues a message of a group for one of its members. True when there is something to send. Has to run in a transaction. */
export function resendToMember(
  context: Context,
  row: OutboxRow,
  member: { readonly device: DeviceId; readonly personId: PersonId },
): boolean {
  const { store, clock } = context;
  const group = row.toGroup && store.groups.get(row.toGroup);
  if (group === undefined || row.frame === undefined || row.resends >= RESENDS_MAX) return false;
  if (memberOf(group.state, member.personId) === undefined) return false;
  const seq = store.outbox.add({
    contentId: newId(context, 'content'),
    kind: RESENT,
    class: row.class,
    toMail: undefined,
    toPerson: member.personId,
    content: row.content,
    sentAtMs: clock.now(),
  });
  store.outbox.setFrame(seq, row.frame);
  store.outbox.countResend(row.seq);
  return true;
}
