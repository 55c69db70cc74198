/**
 * ejabberd as the peer that businesses know: Mnesia in memory and on disk, nothing archived, no TLS, no limits, on loopback; or with PostgreSQL
 * and its archive, which is how it keeps what it has acknowledged. It runs as its own user, so this needs the rights to become that user; without `ejabberdctl` or these rights the peer is left out.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Child, Site } from '@kuvert/testkit';
import { findDescendant } from '../measure/process-usage.ts';
import type { Peer } from './peer.ts';
import { POSTGRESQL, postgresqlPrograms, startPostgresql } from './postgresql.ts';

const COMMAND = '/usr/sbin/ejabberdctl';
const USER = 'ejabberd';
/** Each storage has a server of its own, so that both can stand side by side. */
const PORTS = { mnesia: 15_222, postgresql: 15_224 } as const;
/** Erlang's own port, the one behind it; naming it keeps ejabberd from starting a name server that would stay behind. */
const distributionPort = (storage: Storage): number => PORTS[storage] + 1;
const START_MS = 40_000;
const STOP_MS = 20_000;
const OPEN_FILES = 60_000;

/** Where the offline messages and, with PostgreSQL, an archive of all messages lie. */
type Storage = 'mnesia' | 'postgresql';

const SCHEMA = '/usr/share/ejabberd/sql/pg.sql';

const configuration = (storage: Storage): string => `loglevel: 1
hosts: [localhost]
${storage === 'postgresql' ? SQL : ''}auth_method: [internal]
auth_password_format: plain
registration_timeout: infinity
acl: {loopback: {ip: [127.0.0.0/8]}}
access_rules: {everybody: {allow: all}}
shaper_rules: {max_user_sessions: 10, max_user_offline_messages: {infinity: all}}
listen:
  - {port: ${PORTS[storage]}, ip: "127.0.0.1", module: ejabberd_c2s, access: everybody, starttls: false, max_stanza_size: 262144, backlog: 4096}
modules:
  mod_disco: {}
  mod_offline: {${storage === 'postgresql' ? 'db_type: sql, ' : ''}access_max_user_messages: max_user_offline_messages}
${storage === 'postgresql' ? ARCHIVE : ''}
  mod_ping: {}
  mod_register: {ip_access: all, access: everybody}
  mod_roster: {}
  mod_stream_mgmt: {}
  mod_muc:
    host: conference.localhost
    access: everybody
    access_create: everybody
    max_users: 5000
    min_message_interval: 0
    min_presence_interval: 0
    default_room_options: {max_users: 5000, public: true, anonymous: false}
`;

const SQL = `sql_type: pgsql
sql_server: 127.0.0.1
sql_port: ${POSTGRESQL.port}
sql_database: ${POSTGRESQL.database}
sql_username: ${POSTGRESQL.user}
sql_password: ${POSTGRESQL.password}
sql_pool_size: 16
`;

const ARCHIVE = '  mod_mam: {db_type: sql, default: always, assume_mam_usage: true}';

const control = (storage: Storage): string => `ERLANG_NODE=kuvertbench-${storage}@localhost
ERL_DIST_PORT=${distributionPort(storage)}
INET_DIST_INTERFACE=127.0.0.1
ERL_MAX_PORTS=60000
ERL_PROCESSES=500000
`;

/** ejabberd where it can be run, or why it cannot. */
export function ejabberdPeer(site: Site, storage: Storage = 'mnesia'): Peer | { readonly missing: string } {
  const id = (flag: string): number => Number(spawnSync('id', [flag, USER], { encoding: 'utf8' }).stdout);
  if (!existsSync(COMMAND)) return { missing: 'ejabberd is not installed' };
  if (process.getuid?.() !== 0) return { missing: `only root can start ejabberd as ${USER}` };
  const programs = storage === 'postgresql' ? postgresqlPrograms() : undefined;
  if (storage === 'postgresql') {
    if (programs === undefined) return { missing: 'PostgreSQL is not installed' };
    if (!hasDriver()) return { missing: 'erlang-p1-pgsql is not installed' };
  }
  const name = storage === 'postgresql' ? 'ejabberd-postgresql' : 'ejabberd';
  const port = PORTS[storage];
  return {
    name,
    async start() {
      const database =
        programs === undefined ? undefined : await startPostgresql(site, { programs, schemaFile: SCHEMA });
      const folder = site.at(name);
      rmSync(folder, { recursive: true, force: true });
      // The folder above belongs to us alone; ejabberd needs to get through.
      chmodSync(site.folder.path, 0o711);
      for (const part of ['', 'conf', 'spool', 'log']) {
        mkdirSync(site.at(name, part), { recursive: true, mode: 0o700 });
      }
      writeFileSync(site.at(name, 'conf', 'ejabberd.yml'), configuration(storage));
      writeFileSync(site.at(name, 'conf', 'ejabberdctl.cfg'), control(storage));
      for (const part of ['', 'conf', 'spool', 'log', 'conf/ejabberd.yml', 'conf/ejabberdctl.cfg']) {
        chownSync(site.at(name, part), id('-u'), id('-g'));
      }
      const child = site.children.start(
        'sh',
        ['-c', `ulimit -n ${OPEN_FILES}; exec setpriv "$@"`, 'ejabberd', ...commandIn(folder)],
        { cwd: folder, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: folder } },
      );
      await untilItListens(child, port);
      const pid = findDescendant(child.pid, 'beam.smp');
      if (pid === undefined) throw new Error('ejabberd has no process of its own');
      const endWithUs = (): void => {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended already.
        }
      };
      process.on('exit', endWithUs);
      return {
        address: { kind: 'xmpp', port, pids: [pid, ...(database === undefined ? [] : [database.pid])] },
        get log() {
          return child.stderr;
        },
        async stop() {
          process.off('exit', endWithUs);
          process.kill(pid, 'SIGTERM');
          const giveUp = setTimeout(endWithUs, STOP_MS);
          await child.ended;
          clearTimeout(giveUp);
          await database?.stop();
        },
      };
    },
  };
}

function hasDriver(): boolean {
  const { stdout } = spawnSync('dpkg-query', ['-s', 'erlang-p1-pgsql'], { encoding: 'utf8' });
  return /^Status: .* installed$/m.test(stdout);
}

function commandIn(folder: string): string[] {
  const identity = [`--reuid=${USER}`, `--regid=${USER}`, '--init-groups'];
  const places = [
    ...['--config-dir', `${folder}/conf`, '--config', `${folder}/conf/ejabberd.yml`],
    ...['--ctl-config', `${folder}/conf/ejabberdctl.cfg`, '--spool', `${folder}/spool`],
    ...['--logs', `${folder}/log`],
  ];
  return [...identity, COMMAND, ...places, 'foreground-quiet'];
}

async function untilItListens(child: Child, port: number): Promise<void> {
  const deadline = Date.now() + START_MS;
  let ended = false;
  child.ended.then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  while (!(await isListening(port))) {
    if (ended || Date.now() > deadline) {
      throw new Error(`ejabberd did not start: ${child.stderr}${child.stdout.toString()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
