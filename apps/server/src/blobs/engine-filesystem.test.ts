import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { blobConformance } from './conformance/index.ts';
import { openFileBlobs } from './engine-filesystem.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuvert-blobs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

blobConformance('files', { open: async () => openFileBlobs(join(folder, 'blobs')) });
