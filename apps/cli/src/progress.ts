/** Longer work, for commands: waiting as long as something moves, and telling how far it is, for files and for the people of a group alike. */
import type { Progress } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { KuvertError } from '@kuvert/protocol';
import type { Language } from './config.ts';
import { showSize } from './content-text.ts';
import type { Output } from './output.ts';
import { textsIn } from './texts.ts';

/** Work that takes no longer is not mentioned; what takes longer is told so often. */
const TELL_EVERY_MS = 1_000;

/**
 * As `Profile.flush`, but as long as something moves.
 * @param standstillMs after so long without a step it is given up; what was done stays done
 * @throws KuvertError `server_unreachable` when nothing has moved for so long
 */
export async function flushPatiently(profile: Profile, standstillMs: number): Promise<{ waiting: number }> {
  let movedAt = performance.now();
  const stop = profile.onProgress(() => {
    movedAt = performance.now();
  });
  try {
    for (;;) {
      try {
        return await profile.flush({ timeoutMs: standstillMs });
      } catch (error) {
        const isTimeout = error instanceof KuvertError && error.details?.timeout === true;
        if (!isTimeout || performance.now() - movedAt > standstillMs) throw error;
      }
    }
  } finally {
    stop();
  }
}

/** Tells steps as they come, now and then: a line that counts, or objects. */
export function tellingProgress(output: Output): (progress: Progress) => void {
  return paced(TELL_EVERY_MS, (progress) => {
    const { work, done, total } = progress;
    const about =
      'attachment' in progress
        ? { unit: 'bytes', attachment: progress.attachment }
        : { unit: 'people', ...(progress.groupId && { group: progress.groupId }) };
    void output.counting({ work, done, total, ...about }, progressText(progress, output.language));
  });
}

/**
 * Lets through some of the steps of each piece of work: the first one after `everyMs`, so that quick work is not mentioned, then one each time,
 * and the last one of what was mentioned.
 */
export function paced(everyMs: number, tell: (progress: Progress) => void): (progress: Progress) => void {
  const pieces = new Map<string, { toldAt: number; isTold: boolean }>();
  return (progress) => {
    const name = `${progress.work} ${'attachment' in progress ? progress.attachment : progress.groupId}`;
    const piece = pieces.get(name) ?? { toldAt: performance.now(), isTold: false };
    const isOver = progress.done >= progress.total;
    if (isOver) pieces.delete(name);
    else pieces.set(name, piece);
    if (isOver ? !piece.isTold : performance.now() - piece.toldAt < everyMs) return;
    piece.toldAt = performance.now();
    piece.isTold = true;
    tell(progress);
  };
}

/** How far it is, for people. */
export function progressText(progress: Progress, language: Language): string {
  const { work, done, total } = progress;
  const words = textsIn(language).work(work);
  const share = Math.floor((100 * done) / Math.max(1, total));
  const counted =
    'attachment' in progress
      ? `${showSize(done, language)} / ${showSize(total, language)}`
      : `${done.toLocaleString(language)} / ${total.toLocaleString(language)}`;
  return `${words}: ${share} % (${counted})`;
}
