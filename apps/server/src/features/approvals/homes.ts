/** Where requests lie: each in the file in which its effect will be committed. */
import { KuvertError, type TenantId } from '@kuvert/protocol';
import type { RowOf, Store, TenantScope, Tx } from '../../store/index.ts';
import { approvals, tenantApprovals } from './collections.ts';

/** A request as it is stored. */
export type ApprovalRow = RowOf<typeof approvals>;

/** A file with requests. Tables and transactions of both kinds have one shape and are told apart by the types of the store alone, so the casts are made here once. */
export interface ApprovalHome {
  readonly kind: 'tenant' | 'operator';
  readonly scope: Omit<TenantScope, 'tenant'>;
  readonly table: typeof tenantApprovals;
}

/** The control file. */
export function operatorHome(store: Pick<Store, 'operator'>): ApprovalHome {
  return {
    kind: 'operator',
    scope: store.operator() as unknown as ApprovalHome['scope'],
    table: approvals as unknown as ApprovalHome['table'],
  };
}

/** A tenant's file. */
export function tenantHome(store: Pick<Store, 'tenant'>, tenantId: TenantId): ApprovalHome {
  return { kind: 'tenant', scope: store.tenant(tenantId), table: tenantApprovals };
}

/** A transaction as a home's tables want it. */
export function homeTx(tx: Tx<'tenant'> | Tx<'operator'>): Tx<'tenant'> {
  return tx as Tx<'tenant'>;
}

/** What stands for a home that has been read to its end, in a {@link listHomes} cursor. */
const END = '-';
const START = '';
const BETWEEN = '~';

/**
 * A page out of several homes, newest first. The cursor is that of each home, so that what is added meanwhile moves nothing.
 * @throws KuvertError `cursor_invalid`
 */
export async function listHomes(
  homes: readonly ApprovalHome[],
  place: string,
  { cursor, limit }: { readonly cursor: string | undefined; readonly limit: number },
): Promise<{ rows: ApprovalRow[]; next: string | undefined }> {
  const cursors = cursor === undefined ? homes.map(() => START) : cursor.split(BETWEEN);
  if (cursors.length !== homes.length) throw new KuvertError('cursor_invalid');
  const read = async (at: number, count: number) => {
    const home = homes[at] as ApprovalHome;
    const from = cursors[at] as string;
    if (from === END) return { rows: [], next: undefined };
    return home.scope.list(home.table, {
      index: 'byPlace',
      equals: [place],
      order: 'desc',
      limit: count,
      ...(from === START ? {} : { cursor: from }),
    });
  };
  const pages = await Promise.all(homes.map((_, at) => read(at, limit)));
  const merged = pages
    .flatMap(({ rows }, at) => rows.map((row) => ({ row, at })))
    .sort((a, b) => b.row.requestedAt - a.row.requestedAt)
    .slice(0, limit);
  const next: string[] = [];
  for (const [at, page] of pages.entries()) {
    const taken = merged.filter((one) => one.at === at).length;
    if (taken === page.rows.length) next.push(page.next ?? END);
    // The rest of what was read comes on the next page.
    else next.push(taken === 0 ? (cursors[at] as string) : ((await read(at, taken)).next ?? END));
  }
  const isEnd = next.every((one) => one === END);
  return { rows: merged.map(({ row }) => row), next: isEnd ? undefined : next.join(BETWEEN) };
}
