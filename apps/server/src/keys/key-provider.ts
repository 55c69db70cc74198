/**
 * The port of whatever holds the wrapping key (key-encryption key): a file today, a vault or a hardware module later.
 * Versions of the key have ids; a wrapped key remembers the id it was wrapped under.
 */

/** A data key that only the provider can open. */
export interface WrappedKey {
  /** Version of the wrapping key. */
  readonly keyId: string;
  readonly wrapped: Uint8Array;
}

/** Holder of the wrapping key. */
export interface KeyProvider {
  /** The version that {@link KeyProvider.wrap} uses. */
  currentKeyId(): string;
  /** All versions that can still unwrap, oldest first. */
  keyIds(): readonly string[];
  /** @param context whose key it is; needed again to unwrap. */
  wrap(key: Uint8Array, context: Uint8Array): Promise<WrappedKey>;
  /** @throws KuvertError `keys_wrong` when the version is not there or does not open it. */
  unwrap(wrapped: WrappedKey, context: Uint8Array): Promise<Uint8Array>;
  /** Takes up what another server on the same keys has changed. */
  refresh(): Promise<void>;
  /** Makes a new version and makes it the current one, durably. Returns its id. */
  addVersion(): Promise<string>;
  /** Destroys a version. The caller has made sure that nothing is wrapped under it. Never the current one. */
  retire(keyId: string): Promise<void>;
}
