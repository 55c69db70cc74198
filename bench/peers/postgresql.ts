/**
 * PostgreSQL for a peer that keeps its rows in it: a cluster of its own in the folder of the run, on loopback, with the safety that it comes with
 * (`fsync`, `synchronous_commit`). It runs as its own user, so this needs the rights to become that user.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Site } from '@kuvert/testkit';

const VERSIONS = '/usr/lib/postgresql';
const USER = 'postgres';
const PORT = 15_224;
const START_MS = 30_000;
const STOP_MS = 20_000;

/** Where a client finds it. */
export const POSTGRESQL = {
  port: PORT,
  database: 'ejabberd',
  user: 'ejabberd',
  password: 'ejabberd',
} as const;

/** One that runs. */
export interface RunningPostgresql {
  readonly pid: number;
  stop(): Promise<void>;
}

/** The folder of the newest programs that are installed, if there are any. */
export function postgresqlPrograms(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  const newest = readdirSync(VERSIONS).toSorted((a, b) => Number(b) - Number(a))[0];
  const folder = join(VERSIONS, newest ?? '', 'bin');
  return existsSync(join(folder, 'postgres')) ? folder : undefined;
}

/** Starts it on an empty database with this schema. */
export async function startPostgresql(
  site: Site,
  options: { readonly programs: string; readonly schemaFile: string },
): Promise<RunningPostgresql> {
  const { programs, schemaFile } = options;
  const folder = site.at('postgresql');
  const identity = [`--reuid=${USER}`, `--regid=${USER}`, '--init-groups'];
  const env = { PATH: '/usr/bin:/bin', HOME: folder };
  const run = (program: string, args: readonly string[]): void => {
    const { status, stderr } = spawnSync('setpriv', [...identity, join(programs, program), ...args], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
  };
  if (!existsSync(folder)) {
    // The folder above belongs to us alone; PostgreSQL needs to get through.
    chmodSync(site.folder.path, 0o711);
    mkdirSync(folder, { mode: 0o700 });
    const idOf = (flag: string): number => Number(spawnSync('id', [flag, USER], { encoding: 'utf8' }).stdout);
    chownSync(folder, idOf('-u'), idOf('-g'));
    run('initdb', ['-D', 'data', '-A', 'trust', '--no-sync']);
  }
  const settings = [
    `port=${PORT}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'shared_buffers=512MB',
    'max_connections=64',
  ];
  const child = site.children.start(
    'setpriv',
    [
      ...identity,
      join(programs, 'postgres'),
      '-D',
      'data',
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
    { cwd: folder, env },
  );
  const endWithUs = (): void => {
    child.kill('SIGKILL');
  };
  process.on('exit', endWithUs);
  const at = ['-h', folder, '-p', String(PORT)];
  const deadline = Date.now() + START_MS;
  while (spawnSync(join(programs, 'pg_isready'), at, { env }).status !== 0) {
    if (Date.now() > deadline) throw new Error(`PostgreSQL did not start: ${child.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { database, user, password } = POSTGRESQL;
  for (const command of [
    `DROP DATABASE IF EXISTS ${database}`,
    `DROP ROLE IF EXISTS ${user}`,
    `CREATE ROLE ${user} LOGIN PASSWORD '${password}'`,
    `CREATE DATABASE ${database} OWNER ${user}`,
  ]) {
    run('psql', [...at, '-q', '-d', 'postgres', '-c', command]);
  }
  run('psql', [...at, '-q', '-d', database, '-U', user, '-f', schemaFile]);
  return {
    pid: child.pid,
    async stop() {
      process.off('exit', endWithUs);
      // Ends the sessions that are left and writes everything.
      child.kill('SIGINT');
      const giveUp = setTimeout(endWithUs, STOP_MS);
      await child.ended;
      clearTimeout(giveUp);
    },
  };
}
