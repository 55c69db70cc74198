/** What several caches do once they are full. */

/** Drops what a map or set was given first, until no more than `max` are left. Whoever uses something again has to put it in anew. */
export function dropOldest<K>(
  kept: { readonly size: number; keys(): Iterable<K>; delete(key: K): unknown },
  max: number,
): void {
  for (const oldest of kept.keys()) {
    if (kept.size <= max) return;
    kept.delete(oldest);
  }
}
