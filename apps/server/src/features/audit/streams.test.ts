/** Streaming to a real collector: rsyslog over TLS. What it was away for arrives when it is back, each entry once. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TenantId } from '@kuvert/protocol';
import { type CertificateFiles, canMakeCertificates, ReservedPort, TestAuthority } from '@kuvert/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { isInside } from './stream-connection.ts';

const hasCollector =
  canMakeCertificates &&
  spawnSync('rsyslogd', ['-v']).status === 0 &&
  existsSync('/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so');

let folder: string;
let installation: TestInstallation;
let tenantId: TenantId;
let collector: ChildProcess | undefined;
let reserved: ReservedPort | undefined;
let port: number;
let files: CertificateFiles;
let ca: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kuvert-stream-'));
  installation = await openTestInstallation();
  tenantId = await installation.tenants.service.create('Acme');
  if (!hasCollector) return;
  const authority = new TestAuthority(folder);
  files = authority.server();
  ca = readFileSync(authority.certificate, 'utf8');
  reserved = await ReservedPort.take();
  port = reserved.number;
});
afterEach(async () => {
  await stopCollector();
  await installation.close();
  reserved?.[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function startCollector(): Promise<void> {
  const config = join(folder, 'rsyslog.conf');
  writeFileSync(
    config,
    `global(workDirectory="${folder}" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="${join(folder, 'ca.crt')}"
       defaultNetstreamDriverCertFile="${files.cert}" defaultNetstreamDriverKeyFile="${files.key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="raw" type="string" string="%rawmsg%\\n")
ruleset(name="in") { action(type="omfile" file="${join(folder, 'received.log')}" template="raw" flushOnTXEnd="on") }
input(type="imtcp" port="${port}" address="127.0.0.1" ruleset="in")
`.replace(join(folder, 'ca.crt'), caFile()),
  );
  collector = spawn('rsyslogd', ['-n', '-f', config, '-i', join(folder, 'pid')], { stdio: 'ignore' });
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isThere) return;
    if (collector.exitCode !== null) throw new Error('the collector did not start');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function caFile(): string {
  const file = join(folder, 'authority.pem');
  writeFileSync(file, ca);
  return file;
}

async function stopCollector(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (collector === undefined || collector.exitCode !== null || collector.signalCode !== null) return;
  const ended = once(collector, 'exit');
  collector.kill(signal);
  await ended;
}

const received = (): string[] => {
  const file = join(folder, 'received.log');
  return existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
};

const indexesOf = (lines: readonly string[]): number[] =>
  lines.map((line) => Number(/ index="(\d+)"/.exec(line)?.[1]));

async function act(times: number): Promise<void> {
  for (let i = 0; i < times; i++)
    await installation.audit.records.note([tenantId], { action: 'operation.done' });
  await installation.audit.sequence(tenantId);
}

/** Waits until the collector has written so many lines. */
async function arrived(count: number): Promise<string[]> {
  for (;;) {
    const lines = received();
    if (lines.length >= count) return lines;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test.runIf(hasCollector)(
  'F6 entries reach a real collector over TLS in order, wait while it is away, and arrive once',
  async () => {
    const { streams } = installation.audit;
    await act(3);
    await startCollector();
    await streams.set(tenantId, { host: 'localhost', port, ca, format: 'rfc5424' }, 'start');
    await installation.audit.sequence(tenantId);
    await streams.flush(tenantId);
    const lines = await arrived(5);
    expect(indexesOf(lines)).toEqual([0, 1, 2, 3, 4]);
    expect(lines[0]).toMatch(
      /^<110>1 \d{4}-\d\d-\d\dT[\d:.]+Z - kuvert - tenant\.created \[kuvert@32473 log="tn_\w+" index="0" entry="au_\w+" action="tenant\.created" outcome="done" actor="system" object="tn_\w+"\] A tenant was created\.$/,
    );

    await stopCollector();
    await act(20);
    await expect(streams.flush(tenantId)).rejects.toThrow();
    expect(await streams.state(tenantId)).toMatchObject({ delivered: 5, waiting: 20 });
    await installation.reopen();
    await startCollector();
    await installation.audit.streams.flush(tenantId);
    const all = await arrived(25);
    expect(indexesOf(all)).toEqual(Array.from({ length: 25 }, (_, i) => i));
    // Under way when the collector was gone: whoever reads it is told that it may be there twice.
    expect(all[10]).toContain('resent="true"');
    expect(all[1]).not.toContain('resent');
  },
);

test.runIf(hasCollector)(
  'F6 entries reach it as CEF, and a collector that nobody vouches for gets none',
  async () => {
    const { streams } = installation.audit;
    await startCollector();
    await act(1);
    await streams.set(tenantId, { host: 'localhost', port, ca: null, format: 'cef' }, 'start');
    await expect(streams.flush(tenantId)).rejects.toThrow();
    await streams.set(tenantId, { host: 'localhost', port, ca, format: 'cef' }, 'start');
    await installation.audit.sequence(tenantId);
    await streams.flush(tenantId);
    const lines = await arrived(4);
    expect(lines[0]).toMatch(
      /\] CEF:0\|Kuvert\|Kuvert\|1\|tenant\.created\|A tenant was created\.\|3\|rt=\d+ externalId=au_\w+ cn1Label=index cn1=0 cs1Label=log cs1=tn_/,
    );
  },
);

test('H8 addresses inside are known as such in every form', () => {
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '::1',
    'fd00::1',
    'fe80::1',
    '::ffff:127.0.0.1',
    '192.168.0.1',
    '0.0.0.0',
    'nonsense',
  ])
    expect(isInside(address), address).toBe(true);
  for (const address of ['9.9.9.9', '2620:fe::fe', '172.32.0.1'])
    expect(isInside(address), address).toBe(false);
});
