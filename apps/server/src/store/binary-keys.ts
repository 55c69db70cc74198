/** Keys of binary collections: the bytes of their fixed-width parts, joined. */
import type { KeyPart } from './key-parts.ts';

/** All parts, or the leading ones. One byte string of full width is a stored key as it is. */
export function encodeParts(
  parts: readonly KeyPart<unknown>[],
  values: readonly unknown[],
): Uint8Array<ArrayBuffer> {
  if (values.length > parts.length) throw new Error('more key values than key parts');
  let width = 0;
  for (let i = 0; i < values.length; i++) width += parts[i]?.width ?? 0;
  const key = new Uint8Array(width);
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    const part = parts[i];
    part?.write(values[i], key, at);
    at += part?.width ?? 0;
  }
  return key;
}

/** The values in a stored key. */
export function decodeParts(parts: readonly KeyPart<unknown>[], key: Uint8Array): unknown[] {
  let at = 0;
  return parts.map((part) => {
    const value = part.read(key, at);
    at += part.width;
    return value;
  });
}
