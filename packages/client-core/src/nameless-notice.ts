import type { Context } from './context.ts';
import type { Notice } from './types.ts';

/** As many as are kept. */
const NOTICES_LOOKED_AT = 1_000;

/** What was told of nobody in particular, and was not seen yet: there is one of a kind at most, to which more is added. */
export function findNameless({ store }: Pick<Context, 'store'>, kind: Notice['kind']): Notice | undefined {
  return store.notices
    .listUnseen(NOTICES_LOOKED_AT)
    .find((notice) => notice.kind === kind && notice.personId === undefined);
}
