/** Limits of groups beyond `GROUP_LIMITS` of the protocol. docs/limits.md shows them. */

/** How long a copy of a key waits for its device; longer than any message under it. */
export const KEY_COPY_KEPT_MS = 180 * 86_400_000;
