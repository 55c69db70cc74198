/**
 * Files on their way to the server beside a plain upload over HTTPS of the same bytes (issue 6): the same sizes, certificate, reads and disk,
 * each side a client and a server process, in turns. The product's time is all of it: sealing into the profile, pieces, hash, message accepted.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Children, canMakeCertificates, type Site, TestAuthority } from '@kuvert/testkit';
import type { Row } from '../goals.ts';
import { cpuSecondsOf } from '../measure/process-usage.ts';
import { median, rounded } from '../measure/statistics.ts';
import { BENCH_SERVER } from '../peers/kuvert.ts';
import { messageOf } from '../peers/peer.ts';
import type { UploadJob, UploadResult } from './uploader.ts';

const UPLOADER = fileURLToPath(new URL('uploader.ts', import.meta.url));
const PLAIN_SERVER = fileURLToPath(new URL('plain-server.ts', import.meta.url));
const MIB = 1_048_576;
const JOB_MS = 178_000;

/** What is measured. */
export interface UploadsPlan {
  readonly sizesMib: readonly number[];
  readonly times: number;
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
  const server = await site.startServer({
    dataDir: site.at('upload-data'),
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
        for (const peer of ['kuvert', 'plain-https'] as const) {
          onProgress(`round ${round}: ${peer}, ${sizeMib} MiB`);
          const pid = peer === 'kuvert' ? server.pid : plain.pid;
          const before = cpuSecondsOf([pid]);
          const to: UploadJob['to'] =
            peer === 'plain-https'
              ? { kind: 'plain', port }
              : {
                  kind: 'kuvert',
                  profileDir: anna.profileDir,
                  secret: Buffer.from(anna.secret).toString(),
                  mail: ben.mail,
                };
          const { tookMs, sendingMs, cpuSeconds } = await upload({ path, times: plan.times, to }, trusting);
          const rate = (ms: readonly number[]) =>
            rounded((sizeMib * MIB) / 1e3 / (median(ms) ?? Number.NaN), 1);
          onRow({
            what: 'attachments',
            peer,
            round,
            mib: sizeMib,
            mb_per_s: rate(tookMs),
            sending_mb_per_s: rate(sendingMs),
            client_cpu_ms_per_mib: rounded((cpuSeconds * 1000) / (plan.times * sizeMib), 2),
            // With the upload that warms up.
            srv_cpu_ms_per_mib: rounded(
              ((cpuSecondsOf([pid]) - before) * 1000) / ((plan.times + 1) * sizeMib),
              2,
            ),
          });
        }
      }
      await rm(path);
    }
  } finally {
    plain.kill('SIGKILL');
    await server.stop();
  }
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

async function upload(
  job: UploadJob,
  env: Readonly<Record<string, string | undefined>>,
): Promise<UploadResult> {
  await using children = new Children();
  const child = children.start(process.execPath, [UPLOADER], { ipc: true, env });
  child.process.send(job);
  return await messageOf<UploadResult>(child, JOB_MS);
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
