import { KuvertError } from '@kuvert/protocol';

/**
 * A refusal with the time after which to come again. Under overload there are more of them than of anything else, and collecting where
 * in our code each one came from would cost more than accepting would have.
 */
export function refusal(code: 'rate_limited' | 'overloaded', afterMs: number): KuvertError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new KuvertError(code, { retry: { kind: 'after', ms: Math.ceil(afterMs) } });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
