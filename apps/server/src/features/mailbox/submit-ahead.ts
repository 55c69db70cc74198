/**
 * What a message to many can have done while it is committed: the record of each member that is connected is sealed, and leaves as soon as the
 * commit is durable (docs/decisions/0016). It is done in slices, so that the commit is heard of between them; whoever was not reached by then is
 * served as ever.
 */
import type { RowAhead } from './delivery.ts';

/** Records of one slice: some tenth of a millisecond. */
const SLICE_RECORDS = 16;
/** Memory of what was sealed for one message, about. */
const BYTES_MAX = 1_048_576;
/** While so many are served the client never waits, and most of the work would be done after the commit anyway: there it was 8 % more of it for nothing. */
const MEMBERS_MAX = 512;

/** @see the top of this file */
export interface Sealing {
  /** Ends it. @returns what was sealed, by place of the member; nothing for those whose place has none */
  end(): readonly (RowAhead | undefined)[];
}

/** Begins to seal for all members, in their order, when this turn of the event loop is through with what it has read. */
export function sealAll<T>(
  members: readonly T[],
  recordBytes: number,
  seal: (member: T) => RowAhead | undefined,
): Sealing {
  const all: (RowAhead | undefined)[] = [];
  const count =
    members.length > MEMBERS_MAX ? 0 : Math.min(members.length, Math.floor(BYTES_MAX / recordBytes));
  let isOver = false;
  function goOn(): void {
    if (isOver) return;
    const end = Math.min(count, all.length + SLICE_RECORDS);
    while (all.length < end) all.push(seal(members[all.length] as T));
    if (all.length < count) setImmediate(goOn);
  }
  if (count > 0) setImmediate(goOn);
  return {
    end() {
      isOver = true;
      return all;
    },
  };
}
