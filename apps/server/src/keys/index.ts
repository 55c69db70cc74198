/** The keys that never lie with the data. */
export { createKekFile, openFileKeyProvider } from './file-key-provider.ts';
export type { KeyProvider, WrappedKey } from './key-provider.ts';
export { OPERATOR_KEY_FILE, openServerKeys, readOperatorKey, type ServerKeys } from './keys-folder.ts';
