/**
 * Bodies of messages to groups that everybody has, found by looking: how many rows still point to a body is counted in memory
 * (`group-bodies.ts`), which knows nothing of bodies from before a restart or of another server, nor of rows that went with a revoked or dormant
 * device. A pass notes bodies, then goes through all mailboxes and crosses out each that a row points to. What is left nobody needs: rows come
 * before their body or with it, none is added later, and the pass began after the body was there, so a row that is still there was seen.
 * What is held in memory and read in one step is bounded; a pass that a restart ends begins anew.
 */
import type { TenantId } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import type { CommitOps, TenantScope } from '../../store/index.ts';
import { groupBodies, mailboxRows } from './collections.ts';
import { keyText } from './deletions.ts';
import { isPointer, rowIdOf, rowIdTimeMs } from './rows.ts';

/** Between two passes over a tenant. */
const PASS_MS = 6 * 3_600_000;
/** The first one comes soon after a start, because it is then that most counts are missing. */
const FIRST_MS = 600_000;
/** Younger bodies are left alone: another server may still be about to store them. */
const AGE_MS = 3_600_000;
/** Bodies of one pass; the others have their turn in the next. */
const BODIES_MAX = 20_000;
const PAGE_ROWS = 500;
/** Pages of one step; between steps a minute passes, in which others have the store. */
const PAGES_MAX = 40;
const DELETES_MAX = 200;

interface Pass {
  /** What is still in question, by row id. */
  readonly bodies: Map<string, Uint8Array>;
  state: 'noting' | 'looking';
  cursor: string | undefined;
}

/** When the next pass begins, and with which bodies. */
interface Next {
  readonly atMs: number;
  readonly cursor: string | undefined;
}

/** @see the top of this file */
export function createUnreadBodies(deps: {
  readonly ops: CommitOps;
  readonly clock: Clock;
  /** These bodies are gone. */
  readonly onGone: (tenantId: TenantId, rowIds: readonly Uint8Array[]) => void;
}) {
  const { ops, clock, onGone } = deps;
  const startedAt = clock.monotonicMs();
  const passes = new Map<TenantId, Pass>();
  const nexts = new Map<TenantId, Next>();

  async function note(scope: TenantScope, pass: Pass): Promise<void> {
    const { rows, next } = await scope.list(groupBodies, pageFrom(pass.cursor));
    for (const { storedKey } of rows) {
      if (rowIdTimeMs(storedKey) <= clock.nowMs() - AGE_MS) pass.bodies.set(keyText(storedKey), storedKey);
    }
    pass.cursor = next;
    if (next !== undefined && pass.bodies.size < BODIES_MAX) return;
    nexts.set(scope.tenant, { atMs: clock.monotonicMs() + PASS_MS, cursor: next });
    pass.state = 'looking';
    pass.cursor = undefined;
  }

  /** @returns true at the end */
  async function look(scope: TenantScope, pass: Pass): Promise<boolean> {
    const { rows, next } = await scope.list(mailboxRows, pageFrom(pass.cursor));
    for (const { storedKey, value } of rows) {
      if (isPointer(value)) pass.bodies.delete(keyText(rowIdOf(storedKey)));
    }
    pass.cursor = next;
    return next === undefined || pass.bodies.size === 0;
  }

  async function remove(scope: TenantScope, pass: Pass): Promise<number> {
    const keys = [...pass.bodies.values()];
    for (let at = 0; at < keys.length; at += DELETES_MAX) {
      await scope.commit(keys.slice(at, at + DELETES_MAX).map((key) => ops.delete(groupBodies, key)));
    }
    onGone(scope.tenant, keys);
    return keys.length;
  }

  return {
    /** Goes one step further. @returns how many bodies it has removed */
    async sweep(scope: TenantScope): Promise<number> {
      const { tenant } = scope;
      const nowMs = clock.monotonicMs();
      let pass = passes.get(tenant);
      if (pass === undefined) {
        const next = nexts.get(tenant) ?? { atMs: startedAt + FIRST_MS, cursor: undefined };
        if (nowMs < next.atMs) return 0;
        pass = { bodies: new Map(), state: 'noting', cursor: next.cursor };
        passes.set(tenant, pass);
      }
      try {
        for (let pages = 0; pages < PAGES_MAX; pages++) {
          if (pass.state === 'noting') await note(scope, pass);
          else if (await look(scope, pass)) {
            passes.delete(tenant);
            return await remove(scope, pass);
          }
        }
        return 0;
      } catch (error) {
        // A cursor that a rotation of keys has made void, for instance: the next pass begins at the beginning.
        passes.delete(tenant);
        nexts.set(tenant, { atMs: clock.monotonicMs() + PASS_MS, cursor: undefined });
        throw error;
      }
    },
  };
}

function pageFrom(cursor: string | undefined) {
  return { limit: PAGE_ROWS, ...(cursor !== undefined && { cursor }) };
}
