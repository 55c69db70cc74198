/** The layers below the product, each as a server of its own (`layers/layered-server.ts`). */
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Site } from '@kuvert/testkit';
import type { Population } from './kuvert.ts';
import { messageOf, type Peer } from './peer.ts';

const SERVER = fileURLToPath(new URL('../layers/layered-server.ts', import.meta.url));
const START_MS = 20_000;

/** Depths in order; `socket` is the ceiling. */
export type Depth = 'socket' | 'noise' | 'codec' | 'store';

/** @param name under which its figures appear */
export function layeredPeer(site: Site, population: Population, depth: Depth, name: string): Peer {
  return {
    name,
    async start() {
      const folder = site.at(`layer-${depth}`);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { mode: 0o700 });
      const child = site.children.start(process.execPath, [SERVER, depth, folder], {
        cwd: site.folder.path,
        env: site.environment(),
        ipc: true,
      });
      const { port, serverStatic } = await messageOf<{ port: number; serverStatic: string }>(child, START_MS);
      return {
        address: {
          kind: 'kuvert',
          port,
          pids: [child.pid],
          accountsFile: population.accountsFile,
          channel: depth === 'socket' ? 'plain' : 'noise',
          serverStatic,
        },
        get log() {
          return child.stderr;
        },
        async stop() {
          child.kill('SIGTERM');
          await child.ended;
        },
      };
    },
  };
}
