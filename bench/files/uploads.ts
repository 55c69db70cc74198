/**
 * Files on their way to the server beside a plain upload over HTTPS of the same bytes (issue 6): the same sizes, certificate, reads and disk,
 * each side a client and a server process, in turns. Both are compared until the server has confirmed that the file is safe: of the product that is
 * sealing into the profile, pieces, hash, name and row. How long it takes until the message with the file is accepted is told beside it.
 * Both sides are warmed up for as long, and neither server keeps what it got before: memory of the disk's cache that was never used costs a
 * virtual machine ten times as much as memory that was just given back, and whoever deletes less would pay for it.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, Children, canMakeCertificates, type Site, TestAuthority } from '@kuvert/testkit';
import type { Row } from '../goals.ts';
import { cpuSecondsOf } from '../measure/process-usage.ts';
import { median, rounded } from '../measure/statistics.ts';
import { takeTurns } from '../measure/turns.ts';
import { BENCH_SERVER } from '../peers/kuvert.ts';
import { ask, messageOf } from '../peers/peer.ts';
import type { UploadBlock, UploadJob, UploadResult } from './uploader.ts';

const UPLOADER = fileURLToPath(new URL('uploader.ts', import.meta.url));
const PLAIN_SERVER = fileURLToPath(new URL('plain-server.ts', import.meta.url));
const MIB = 1_048_576;
const JOB_MS = 178_000;
const PAUSE_MS = 100;
const PEERS = ['kuvert', 'plain-https'] as const;

/** What is measured. */
export interface UploadsPlan {
  readonly sizesMib: readonly number[];
  readonly warmUpMs: number;
  /** The two take turns so often, for so long. */
  readonly turns: number;
  readonly blockMs: number;
}

/** Uploads each size to both, round by round. */
export async function measureUploads(
  options: {
    readonly site: Site;
    readonly plan: UploadsPlan;
    readonly rounds: number;
    readonly onProgress: (sentence: string) => void;
  },
  onRow: (row: Row) => void,
): Promise<void> {
  const { site, plan, rounds, onProgress } = options;
  if (!canMakeCertificates) {
    onProgress('without attachments: openssl is not installed');
    return;
  }
  const [certificates, uploads] = [site.at('certificates'), site.at('plain-uploads')];
  for (const folder of [certificates, uploads]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = new TestAuthority(certificates);
  const { cert, key } = authority.server();
  // Read once by each process as it starts, so whoever is started here trusts the certificate.
  const trusting = { ...site.environment(), NODE_EXTRA_CA_CERTS: authority.certificate };
  const dataDir = site.at('upload-data');
  const server = await site.startServer({
    dataDir,
    keysDir: site.at('upload-keys'),
    env: { ...BENCH_SERVER, KUVERT_TLS_CERT: cert, KUVERT_TLS_KEY: key },
  });
  const enrolling = await server.tenant('Uploads');
  const ben = await enrolling.personWithoutDevice('Ben');
  const anna = await enrolling.personWithoutDevice('Anna');
  for (const person of [anna, ben]) await enrolElsewhere({ site, url: server.url, env: trusting }, person);
  const plain = site.children.start(process.execPath, [PLAIN_SERVER, cert, key, uploads], { ipc: true });
  const { port } = await messageOf<{ port: number }>(plain, JOB_MS);
  try {
    for (const sizeMib of plan.sizesMib) {
      const path = await makeFile(site, sizeMib);
      for (let round = 1; round <= rounds; round++) {
        onProgress(`round ${round}: ${sizeMib} MiB`);
        const jobs: Record<(typeof PEERS)[number], Omit<UploadJob, 'path' | 'warmUpMs'>> = {
          kuvert: {
            storedIn: join(dataDir, 'blobs'),
            to: {
              kind: 'kuvert',
              profileDir: anna.profileDir,
              secret: Buffer.from(anna.secret).toString(),
              mail: ben.mail,
            },
          },
          'plain-https': { storedIn: uploads, to: { kind: 'plain', port } },
        };
        await using children = new Children();
        const sides: Side[] = [];
        for (const peer of PEERS) {
          const child = children.start(process.execPath, [UPLOADER], { ipc: true, env: trusting });
          const job: UploadJob = { ...jobs[peer], path, warmUpMs: plan.warmUpMs };
          const { tookMs } = await ask<UploadResult>(child, job, JOB_MS);
          const pid = peer === 'kuvert' ? server.pid : plain.pid;
          sides.push({ peer, child, pid, firstMs: tookMs[0] ?? Number.NaN, results: [], srvCpuSeconds: 0 });
        }
        await takeTurns(sides, plan.turns, (side) => takeTurn(side, plan.blockMs));
        for (const side of sides) onRow(rowOf(side, sizeMib, round));
      }
      await rm(path);
    }
  } finally {
    plain.kill('SIGKILL');
    await server.stop();
  }
}

/** One of the two while a size is measured. */
interface Side {
  readonly peer: (typeof PEERS)[number];
  readonly child: Child;
  /** Of its server. */
  readonly pid: number;
  /** What the first upload of its process took. */
  readonly firstMs: number;
  readonly results: UploadResult[];
  srvCpuSeconds: number;
}

async function takeTurn(side: Side, blockMs: number): Promise<void> {
  const before = cpuSecondsOf([side.pid]);
  side.results.push(await ask<UploadResult>(side.child, { blockMs } satisfies UploadBlock, JOB_MS));
  // What is still done for it must not become the time of the other.
  await setTimeout(PAUSE_MS);
  side.srvCpuSeconds += cpuSecondsOf([side.pid]) - before;
}

function rowOf({ peer, results, firstMs, srvCpuSeconds }: Side, sizeMib: number, round: number): Row {
  const rate = (ms: number) => rounded((sizeMib * MIB) / 1e3 / ms, 1);
  const tookMs = results.flatMap((one) => one.tookMs);
  const acceptedMs = results.flatMap((one) => one.acceptedMs);
  const cpuSeconds = results.reduce((sum, one) => sum + one.cpuSeconds, 0);
  const mib = tookMs.length * sizeMib;
  return {
    what: 'attachments',
    peer,
    round,
    mib: sizeMib,
    uploads: tookMs.length,
    mb_per_s: rate(median(tookMs) ?? Number.NaN),
    accepted_mb_per_s: rate(median(acceptedMs) ?? Number.NaN),
    first_mb_per_s: rate(firstMs),
    client_cpu_ms_per_mib: rounded((cpuSeconds * 1000) / mib, 2),
    srv_cpu_ms_per_mib: rounded((srvCpuSeconds * 1000) / mib, 2),
  };
}

/** In a process of its own, because this one does not trust the certificate. */
async function enrolElsewhere(
  place: { site: Site; url: string; env: Readonly<Record<string, string | undefined>> },
  person: { profileDir: string; secretFile: string; token(): Promise<string> },
): Promise<void> {
  const { site, url, env } = place;
  const at = ['--server', url, '--profile', person.profileDir, '--secret-file', person.secretFile];
  const { code, stderr } = await site.kuvert(['enrol', ...at, '--token', await person.token()], { env });
  if (code !== 0) throw new Error(`an enrolment failed: ${stderr}`);
}

/** Bytes that do not repeat. */
async function makeFile(site: Site, sizeMib: number): Promise<string> {
  const path = site.at(`file-${sizeMib}`);
  const file = await open(path, 'wx');
  for (let at = 0; at < sizeMib; at++) await file.write(randomBytes(MIB));
  await file.datasync();
  await file.close();
  return path;
}
