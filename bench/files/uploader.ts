/**
 * Uploads a file again and again from a process of its own, as a person's device or as a plain request over HTTPS, and tells for each time how
 * long it took. Takes a job from its parent, warms up, then does a block of uploads whenever it is told to.
 */
import { createReadStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileSource, openProfile } from '@kuvert/client-core/node';

const FLUSH_MS = 170_000;
/** As the product reads files. */
const READ_BYTES = 1_048_576;

/** What an uploader is told first. */
export interface UploadJob {
  readonly path: string;
  /** The folder in which the server keeps what is uploaded, emptied after each upload: new memory of the disk's cache costs more than used one. */
  readonly storedIn: string;
  /** Uploads before the first one that counts: so long, and one at least. */
  readonly warmUpMs: number;
  readonly to:
    | { readonly kind: 'plain'; readonly port: number }
    | {
        readonly kind: 'kuvert';
        readonly profileDir: string;
        readonly secret: string;
        readonly mail: string;
      };
}

/** Uploads that follow each other for so long, one at least: what it is told whenever it has answered. */
export interface UploadBlock {
  readonly blockMs: number;
}

/** What it answers to either; to a job what warmed it up. */
export interface UploadResult {
  /** Milliseconds of each, from the file on the disk until the server has confirmed that it has it on its own. */
  readonly tookMs: readonly number[];
  /** The same until the message with the file is accepted; for plain uploads, which have none, `tookMs`. */
  readonly acceptedMs: readonly number[];
  readonly cpuSeconds: number;
}

process.on('disconnect', () => process.exit(1));
process.once('message', (job: UploadJob) => {
  void run(job).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});

async function run({ path, storedIn, warmUpMs, to }: UploadJob): Promise<void> {
  const upload = to.kind === 'plain' ? plain(path, to.port) : await asPerson(path, to);
  const answer = async (blockMs: number) => process.send?.(await block(upload, storedIn, blockMs));
  process.on('message', ({ blockMs }: UploadBlock) => void answer(blockMs));
  await answer(warmUpMs);
}

async function block(upload: Upload, storedIn: string, blockMs: number): Promise<UploadResult> {
  const tookMs: number[] = [];
  const acceptedMs: number[] = [];
  let cpuMicros = 0;
  for (const until = performance.now() + blockMs; tookMs.length === 0 || performance.now() < until; ) {
    const before = process.cpuUsage();
    const startedAt = performance.now();
    const confirmedAt = await upload();
    tookMs.push(confirmedAt - startedAt);
    acceptedMs.push(performance.now() - startedAt);
    const { user, system } = process.cpuUsage(before);
    cpuMicros += user + system;
    for (const entry of await readdir(storedIn, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) await rm(join(entry.parentPath, entry.name));
    }
  }
  return { tookMs, acceptedMs, cpuSeconds: cpuMicros / 1e6 };
}

/** Resolves with the moment at which the server has confirmed the file. */
type Upload = () => Promise<number>;

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
    return performance.now();
  };
}

async function asPerson(path: string, to: Extract<UploadJob['to'], { kind: 'kuvert' }>): Promise<Upload> {
  const profile = await openProfile({ profileDir: to.profileDir, secret: Buffer.from(to.secret) });
  await profile.connect();
  const conversation = await profile.conversationAt(to.mail);
  let confirmedAt = Number.NaN;
  profile.onProgress((progress) => {
    // Told when the last byte has left, and once more when the server has confirmed all.
    if (progress.work === 'uploading' && progress.done === progress.total) confirmedAt = performance.now();
  });
  return async () => {
    confirmedAt = Number.NaN;
    const message = { kind: 'file', mediaType: 'application/octet-stream' } as const;
    await profile.attachments.send(conversation, await fileSource(path), message);
    const { waiting } = await profile.flush({ timeoutMs: FLUSH_MS });
    if (waiting > 0) throw new Error('a message stays behind');
    return confirmedAt;
  };
}
