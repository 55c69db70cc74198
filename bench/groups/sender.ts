/**
 * A person's device in a process of its own: makes a group or finds it, writes the first message to it, which carries the keys to everybody when the
 * group is new, then as many more as it is told to, one after the other, as somebody does who waits for each tick.
 */
import { openProfile, type Profile } from '@kuvert/client-core/node';

/** Long enough for a first message, whose keys go to each device through a session of its own. */
const FLUSH_MS = 170_000;
const TEXT = 'Are you coming to the meeting at ten? I have the numbers from last week with me.';

/** What a sender is started with. */
export interface SenderJob {
  readonly profileDir: string;
  readonly secret: string;
  readonly title: string;
  /** With whom the group is made; without it, it is there. */
  readonly mails: readonly string[] | undefined;
}

/** What it says when it has written its first message. */
export interface SenderReady {
  /** Making the group. */
  readonly createMs: number;
  /** The first message that was written. */
  readonly firstMs: number;
  readonly firstCpuMs: number;
}

/** What it is told from then on: how many messages to write, or to end. */
export type SenderOrder = number | 'end';

/** What so many messages took. */
export interface SenderTurn {
  readonly ms: number;
  readonly cpuMs: number;
}

process.on('disconnect', () => process.exit(1));
process.once('message', async ({ profileDir, secret, title, mails }: SenderJob) => {
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
  process.on('message', async (order: SenderOrder) => {
    if (order === 'end') {
      await profile.close();
      process.exit(0);
    }
    const turn = spent();
    for (let i = 0; i < order; i++) await write();
    process.send?.(turn());
  });
  process.send?.({ createMs, firstMs, firstCpuMs } satisfies SenderReady);
});

async function settle(profile: Profile): Promise<void> {
  const { waiting } = await profile.flush({ timeoutMs: FLUSH_MS });
  if (waiting > 0) throw new Error(`${waiting} messages stay behind`);
}

/** Begins to count. @returns says what it came to */
function spent(): () => SenderTurn {
  const at = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { ms: performance.now() - at, cpuMs: (user + system) / 1000 };
  };
}
