/**
 * The client's encrypted container (wire.md §6): a header in clear whose slots wrap one random master key,
 * from which the key of the database is made. No I/O: the host stores the header (atomically, since without
 * it the data is lost) and opens the database.
 */
export {
  addPassphraseSlot,
  changePassphrase,
  createContainer,
  databaseKey,
  MASTER_KEY_BYTES,
  type OpenContainer,
  openContainer,
  type Protection,
  removePassphraseSlot,
} from './container.ts';
export { ContainerError, type ContainerErrorCode } from './container-error.ts';
export { CONTAINER_VERSION } from './header.ts';
export { ARGON2ID_COST_MAX, type Argon2idCost, DEFAULT_ARGON2ID_COST } from './key-derivation.ts';
