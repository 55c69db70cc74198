/** BSON's numbers in arithmetic, with the types that MongoDB's update operators give their results. */
import { Decimal128, Double, Int32, Long } from 'bson';
import { bsonClass, isNumeric } from './bson-order.ts';
import { CommandError } from './command-error.ts';

/** A number of a command as JavaScript's, or undefined when it is none. */
export function asNumber(value: unknown): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return isNumeric(value) ? Number(String(value)) : undefined;
}

/** What counts as true in a command or a projection. */
export function truthy(value: unknown): boolean {
  if (isNumeric(value)) return asNumber(value) !== 0;
  return value !== null && value !== undefined && value !== false;
}

function rank(value: unknown): number {
  if (typeof value === 'number') return Number.isInteger(value) ? 0 : 2;
  if (typeof value === 'bigint') return 1;
  return { Int32: 0, Long: 1, Double: 2, Decimal128: 3 }[bsonClass(value) ?? ''] ?? 0;
}

function integer(value: unknown): bigint {
  return bsonClass(value) === 'Long' ? (value as Long).toBigInt() : BigInt(String(value));
}

/** Sum or product: the wider type of the two, an int that overflows becomes a long, a long that overflows is refused. */
export function calculate(kind: '+' | '*', a: unknown, b: unknown): Int32 | Long | Double | Decimal128 {
  const wider = Math.max(rank(a), rank(b));
  if (wider >= 2) {
    const [left, right] = [Number(String(a)), Number(String(b))];
    const result = kind === '+' ? left + right : left * right;
    return wider === 3 ? Decimal128.fromString(String(result)) : new Double(result);
  }
  const result = kind === '+' ? integer(a) + integer(b) : integer(a) * integer(b);
  if (wider === 0 && result >= -(2n ** 31n) && result < 2n ** 31n) return new Int32(Number(result));
  if (result < -(2n ** 63n) || result >= 2n ** 63n) {
    throw new CommandError('BadValue', 'Failed to apply $inc operations to current value: integer overflow');
  }
  return Long.fromBigInt(result);
}
