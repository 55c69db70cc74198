/**
 * A person's device in a process of its own: makes a group and writes the first message to it, which carries the keys to everybody, or writes
 * so many more, one after the other, as somebody does who waits for each tick. Takes one job from its parent, answers, ends.
 */
import { openProfile, type Profile } from '@kuvert/client-core/node';
import { rounded } from '../measure/statistics.ts';

/** Long enough for a first message, whose keys go to each device through a session of its own. */
const FLUSH_MS = 170_000;
const TEXT = 'Are you coming to the meeting at ten? I have the numbers from last week with me.';

/** What a sender is told. */
export interface SenderJob {
  readonly profileDir: string;
  readonly secret: string;
  readonly title: string;
  /** With whom the group is made; without it, it is there. */
  readonly mails: readonly string[] | undefined;
  readonly warmUp: number;
  readonly messages: number;
}

/** What it answers. */
export interface SenderResult {
  /** Making the group. */
  readonly createMs: number;
  /** The first message that was written. */
  readonly firstMs: number;
  readonly firstCpuMs: number;
  /** Each of `messages`, behind those that warm up. */
  readonly cpuUsPerMessage: number;
  readonly msPerMessage: number;
}

process.on('disconnect', () => process.exit(1));
process.once('message', (job: SenderJob) => {
  void run(job).then((result) => process.send?.(result, () => process.exit(0)));
});

async function run({ profileDir, secret, title, mails, warmUp, messages }: SenderJob): Promise<SenderResult> {
  const profile = await openProfile({ profileDir, secret: Buffer.from(secret) });
  await profile.connect();
  const creating = spent();
  if (mails !== undefined) await profile.groups.create(title, mails);
  const { ms: createMs } = creating();
  const { groupId } = profile.groups.find(title);
  const write = async (): Promise<void> => {
    profile.groups.send(groupId, TEXT);
    await settle(profile);
  };
  const first = spent();
  await write();
  const { ms: firstMs, cpuMs: firstCpuMs } = first();
  for (let i = 0; i < warmUp; i++) await write();
  const each = spent();
  for (let i = 0; i < messages; i++) await write();
  const { ms, cpuMs } = each();
  await profile.close();
  return {
    createMs: Math.round(createMs),
    firstMs: Math.round(firstMs),
    firstCpuMs: Math.round(firstCpuMs),
    cpuUsPerMessage: Math.round((cpuMs * 1000) / messages),
    msPerMessage: rounded(ms / messages, 2),
  };
}

async function settle(profile: Profile): Promise<void> {
  const { waiting } = await profile.flush({ timeoutMs: FLUSH_MS });
  if (waiting > 0) throw new Error(`${waiting} messages stay behind`);
}

/** Begins to count. @returns says what it came to */
function spent(): () => { readonly ms: number; readonly cpuMs: number } {
  const at = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { ms: performance.now() - at, cpuMs: (user + system) / 1000 };
  };
}
