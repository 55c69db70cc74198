/**
 * Uploads a file once or several times from a process of its own, as a person's device or as a plain request over HTTPS, and tells for each how
 * long it took. Takes one job from its parent, answers, ends.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { fileSource, openProfile } from '@kuvert/client-core/node';

const FLUSH_MS = 170_000;
/** As the product reads files. */
const READ_BYTES = 1_048_576;

/** What an uploader is told. */
export interface UploadJob {
  readonly path: string;
  readonly times: number;
  readonly to:
    | { readonly kind: 'plain'; readonly port: number }
    | {
        readonly kind: 'kuvert';
        readonly profileDir: string;
        readonly secret: string;
        readonly mail: string;
      };
}

/** What it answers. */
export interface UploadResult {
  /** Milliseconds of each, from the file on the disk until the server has it on its own. */
  readonly tookMs: readonly number[];
  /** Of these the part after the file was sealed; for plain uploads all of it. */
  readonly sendingMs: readonly number[];
  readonly cpuSeconds: number;
}

process.on('disconnect', () => process.exit(1));
process.once('message', (job: UploadJob) => {
  void run(job).then((result) => process.send?.(result, () => process.exit(0)));
});

async function run({ path, times, to }: UploadJob): Promise<UploadResult> {
  const upload = to.kind === 'plain' ? plain(path, to.port) : await asPerson(path, to);
  // Connections, and code that is compiled as it runs, are not what is compared.
  await upload();
  const before = process.cpuUsage();
  const tookMs: number[] = [];
  const sendingMs: number[] = [];
  for (let i = 0; i < times; i++) {
    const startedAt = performance.now();
    const { sealedAt } = await upload();
    tookMs.push(performance.now() - startedAt);
    sendingMs.push(performance.now() - (sealedAt ?? startedAt));
  }
  const { user, system } = process.cpuUsage(before);
  return { tookMs, sendingMs, cpuSeconds: (user + system) / 1e6 };
}

type Upload = () => Promise<{ sealedAt?: number }>;

function plain(path: string, port: number): Upload {
  const agent = new Agent({ keepAlive: true });
  return async () => {
    const { size } = await stat(path);
    const outgoing = request({
      host: '127.0.0.1',
      port,
      agent,
      method: 'PUT',
      headers: { 'content-length': size },
    });
    const status = new Promise<number | undefined>((resolve, reject) => {
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        response.resume().once('end', () => resolve(response.statusCode));
      });
    });
    await pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), outgoing);
    if ((await status) !== 204) throw new Error('the plain server has refused a file');
    return {};
  };
}

async function asPerson(path: string, to: Extract<UploadJob['to'], { kind: 'kuvert' }>): Promise<Upload> {
  const profile = await openProfile({ profileDir: to.profileDir, secret: Buffer.from(to.secret) });
  await profile.connect();
  const conversation = await profile.conversationAt(to.mail);
  return async () => {
    const message = { kind: 'file', mediaType: 'application/octet-stream' } as const;
    await profile.attachments.send(conversation, await fileSource(path), message);
    const sealedAt = performance.now();
    const { waiting } = await profile.flush({ timeoutMs: FLUSH_MS });
    if (waiting > 0) throw new Error('a message stays behind');
    return { sealedAt };
  };
}
