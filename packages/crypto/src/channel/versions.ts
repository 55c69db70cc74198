/** A range of protocol versions, both ends included, 1…65,535. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** The best version that both ranges hold, or undefined when there is none. */
export function chooseVersion(offered: VersionRange, supported: VersionRange): number | undefined {
  const best = Math.min(offered.max, supported.max);
  return best >= Math.max(offered.min, supported.min) ? best : undefined;
}
