/** Files on their way, for commands: waiting as long as something moves, and saying how far it is. */
import type { Profile } from '@kuvert/client-core/node';
import { KuvertError } from '@kuvert/protocol';
import { showSize } from './content-text.ts';
import type { Output } from './output.ts';

/** A transfer that moves nothing for so long is given up; what was moved stays moved. */
const STANDSTILL_MS = 60_000;
const TELL_EVERY_MS = 1_000;

/**
 * As `Profile.flush`, but as long as files move.
 * @throws KuvertError `server_unreachable` when nothing has moved for a minute
 */
export async function flushPatiently(profile: Profile): Promise<{ waiting: number }> {
  let movedAt = performance.now();
  const stop = profile.attachments.onProgress(() => {
    movedAt = performance.now();
  });
  try {
    for (;;) {
      try {
        return await profile.flush({ timeoutMs: STANDSTILL_MS });
      } catch (error) {
        const isTimeout = error instanceof KuvertError && error.details?.timeout === true;
        if (!isTimeout || performance.now() - movedAt > STANDSTILL_MS) throw error;
      }
    }
  } finally {
    stop();
  }
}

/** Says now and then how far a transfer is, where a person looks on. */
export function progressOf(output: Output): (doneBytes: number, totalBytes: number) => void {
  let toldAt = performance.now();
  return (doneBytes, totalBytes) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = performance.now();
    const { language } = output;
    const share = Math.floor((100 * doneBytes) / Math.max(1, totalBytes));
    const text = `${share} % (${showSize(doneBytes, language)} / ${showSize(totalBytes, language)})`;
    void output.progress(text).catch(() => undefined);
  };
}
