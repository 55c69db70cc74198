/** Sealing at rest on the server: wrapping, data keys, sealed values, blind indexes (wire.md §5). No I/O. */
export { blindEntry, blindKey, cursorKey, fileKey } from './derived-keys.ts';
export { framed } from './framing.ts';
export { aeadOpen, aeadSeal, hkdf, hmac, KEY_BYTES, NotOpenedError } from './primitives.ts';
export { hiddenPart, indexPartKey, RowSealer, SEALED_ROW_OVERHEAD_BYTES } from './row-sealing.ts';
export {
  DATA_KEY_ID_BYTES,
  type DataKey,
  makeDataKey,
  openValue,
  SEALED_OVERHEAD_BYTES,
  type SealedPlace,
  sealedWith,
  sealValue,
} from './sealed-value.ts';
export { unwrapKey, wrapKey } from './wrapping.ts';
