/** Where large sealed files lie: the port and its engines. */
export type { Blobs } from './blobs.ts';
export { openFileBlobs } from './engine-filesystem.ts';
