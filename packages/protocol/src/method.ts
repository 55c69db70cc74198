/** How a method of the device channel is declared: once, here, for server, client, documentation and tests. */
import type { z } from 'zod';

/** Who may call: an enrolled device over Noise XK, or somebody with a token over Noise NK. */
export type Access = 'device' | 'enrolment';

/** A method with strict schemas for both directions. Unknown fields in params are ignored unless named in `crit`. */
export interface Method<
  N extends string,
  P extends z.ZodType,
  R extends z.ZodType,
  A extends Access = Access,
> {
  readonly name: N;
  readonly access: A;
  readonly params: P;
  readonly result: R;
}

/** Declares a method; only keeps the types narrow. */
export function method<
  const N extends string,
  P extends z.ZodType,
  R extends z.ZodType,
  const A extends Access,
>(declaration: Method<N, P, R, A>): Method<N, P, R, A> {
  return declaration;
}
