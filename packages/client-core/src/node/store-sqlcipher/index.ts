/** The store port on SQLCipher (`store.ts`), for Node. */
export { type OpenStore, openSqlcipherStore } from './open-store.ts';
