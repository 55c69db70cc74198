/** The small schemas that every feature's messages are made of. */
import { z } from 'zod';
import { ID_TYPES, type Id, type IdType, isId } from './ids.ts';

/** An id of one type in text form. */
export function idSchema<T extends IdType>(type: T): z.ZodType<Id<T>> {
  return z
    .string()
    .max(ID_TYPES[type].prefix.length + 30)
    .refine((text) => isId(type, text), `not a ${type} id`) as unknown as z.ZodType<Id<T>>;
}

/** A byte string of exactly `size` bytes, or of `min` to `max`. */
export function bytesSchema(size: number | { min: number; max: number }): z.ZodType<Uint8Array<ArrayBuffer>> {
  const { min, max } = typeof size === 'number' ? { min: size, max: size } : size;
  return z.custom<Uint8Array<ArrayBuffer>>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    `not a byte string of ${min} to ${max} bytes`,
  );
}

/** Unix time in milliseconds. */
export const timeMs = z.number().int().min(0).max(8.64e15);

/** An unsigned 32-bit number. */
export const uint32 = z.number().int().min(0).max(0xffffffff);

/** A page marker as the server gave it. */
export const cursor = z.string().min(1).max(512);

/**
 * Name of a person or tenant: visible text on one line. Nothing that turns the direction of what stands beside it (U+202A to U+202E, U+2066 to U+2069), because such a name could make a list or a request for
 * approval look like another.
 */
export const displayName = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u, 'control characters are not allowed')
  .regex(/[^\p{C}\p{Z}\p{M}]/u, 'nothing of it can be seen');

/** What somebody calls a device of their own: visible text on one line. */
export const deviceName = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'control characters are not allowed');

/** A mail address, folded to lower case, so that one address has one form. */
export const mailAddress = z
  .string()
  .trim()
  .toLowerCase()
  .max(254)
  .regex(/^[^\s@<>"(),:;\\[\]]+@[^\s@<>"(),:;\\[\]]+$/u, 'not a mail address');
