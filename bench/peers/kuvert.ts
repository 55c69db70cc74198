/** The product: the server as its users start it, on a data folder that was filled beforehand. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerOptions, ServerProcess, Site } from '@kuvert/testkit';
import { writeAccounts } from '../seed/accounts.ts';
import { enrolDevices, type SeededTenant } from '../seed/enrol-devices.ts';
import type { Peer } from './peer.ts';

/** Every limit is counted as always, but a few senders here write more than any person does. */
export const BENCH_SERVER = { KUVERT_TRAFFIC_FACTOR: '999999' } as const;

/** What the load client needs to speak to a server with these devices. */
export interface Population {
  readonly accountsFile: string;
  readonly serverStatic: string;
}

/** Starts a server in an empty folder, enrols everybody and stops it again. */
export async function populate(site: Site, tenants: readonly SeededTenant[]): Promise<Population> {
  const accountsFile = site.at('accounts.json');
  const server = await site.startServer({ env: BENCH_SERVER });
  const { accounts, serverStatic } = await enrolDevices(server, tenants);
  writeAccounts(accountsFile, accounts);
  await server.stop();
  return { accountsFile, serverStatic };
}

/** @param options for instance a tool through which the server is started */
export function kuvertPeer(site: Site, population: Population, options: ServerOptions = {}): Peer {
  return {
    name: 'kuvert',
    async start() {
      const server = await site.startServer({ ...options, env: { ...BENCH_SERVER, ...options.env } });
      const pid = pidOf(server);
      return {
        address: {
          kind: 'kuvert',
          port: Number(new URL(server.url).port),
          pids: [pid],
          channel: 'noise',
          ...population,
        },
        get log() {
          return server.log;
        },
        async stop() {
          process.kill(pid, 'SIGTERM');
          const { code } = await server.child.ended;
          if (code !== 0) throw new Error(`the server ended with ${code}:\n${server.log}`);
        },
      };
    },
  };
}

/** The server's own pid, also when it was started through a tool. */
function pidOf(server: ServerProcess): number {
  return (JSON.parse(readFileSync(join(server.dataDir, 'server.json'), 'utf8')) as { pid: number }).pid;
}
