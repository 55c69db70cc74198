/** Oldest client version that is served (E6). */
export const MINIMUM_CLIENT_VERSION = '0.1.0';

const VERSION = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:[-+].*)?$/;

/** True for a version before `minimum`, and for what is no version. A pre-release counts as the release that it precedes. */
export function isClientTooOld(version: string, minimum: string = MINIMUM_CLIENT_VERSION): boolean {
  const own = VERSION.exec(version)?.slice(1, 4).map(Number);
  const least = VERSION.exec(minimum)?.slice(1, 4).map(Number);
  if (own === undefined || least === undefined) return true;
  const at = own.findIndex((part, index) => part !== least[index]);
  return at >= 0 && (own[at] as number) < (least[at] as number);
}
