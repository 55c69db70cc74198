/** Containers that cost little to open: tests that open hundreds of profiles are not about how long a passphrase takes to be guessed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContainer } from '@kuvert/crypto/container';

const COST = { memoryKiB: 64, passes: 1, parallelism: 1 } as const;

/** Makes the folder of a profile with a container of its own; whoever enrols there goes on with it. It would not outlast a power cut. */
export async function makeCheapContainer(profileDir: string, secret: Uint8Array): Promise<void> {
  mkdirSync(profileDir, { recursive: true, mode: 0o700 });
  const { header } = await createContainer({ passphrase: secret, cost: COST });
  writeFileSync(join(profileDir, 'container.kuvert'), header, { mode: 0o600 });
}
