/** Lengths of time as people write them: `30s`, `5m`, `8h`, `7d`, `4w`. */

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/** Milliseconds; undefined for what is no length of time. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9}) ?(s|m|h|d|w)$/i.exec(text.trim());
  if (match === null) return undefined;
  const unit = (match[2] ?? '').toLowerCase() as keyof typeof UNITS_MS;
  return Number(match[1]) * UNITS_MS[unit];
}

/** The same in the largest unit that leaves nothing over. */
export function showDuration(ms: number): string {
  for (const [unit, size] of Object.entries(UNITS_MS).reverse()) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${Math.round(ms / 1_000)}s`;
}
