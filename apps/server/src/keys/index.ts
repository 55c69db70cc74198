/** The keys that never lie with the data. */
export type { KeyProvider } from './key-provider.ts';
export { openServerKeys, type ServerKeys } from './keys-folder.ts';
