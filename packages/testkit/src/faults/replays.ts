/**
 * What is known of replays that people were told of. With an honest server there is none (P3), so each is a fault of ours, and what explains it
 * is gone with the campaign unless it is kept: who was told, on which connections the bytes came, and what their sender has of them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openProfileFolder, type ReplayEvidence } from '@kuvert/client-core/node';
import type { DeviceId } from '@kuvert/protocol';
import { readNotebook, type ToldReplay } from './notebook.ts';

/** What a device was told, for its notebook. */
export function toldReplay(device: string, { legHash, ...evidence }: ReplayEvidence): ToldReplay {
  return { device, legHash: Buffer.from(legHash).toString('hex'), ...evidence };
}

/** A closed profile. */
export interface ClosedProfile {
  readonly profileDir: string;
  readonly secretHex: string;
}

/**
 * Writes what notebooks and the profiles of senders tell of replays to `replays.json` in a folder. `isSameRow` says whether the bytes came out of
 * the same row of the mailbox again; otherwise they were submitted twice.
 */
export async function keepReplays(
  folder: string,
  notebooks: readonly string[],
  profileOf: (device: string) => ClosedProfile | undefined,
): Promise<void> {
  const lines = notebooks
    .flatMap((path) => readNotebook(path))
    .flatMap((line) => ('replay' in line ? [{ t: line.t, ...line.replay }] : []));
  const explained: object[] = [];
  for (const line of lines) {
    const sent = await sentBy(profileOf(line.from), line);
    explained.push({ ...line, sent, isSameRow: sent?.acceptedAtMs === line.acceptedAtMs });
  }
  if (lines.length > 0) writeFileSync(join(folder, 'replays.json'), JSON.stringify(explained, undefined, 2));
}

async function sentBy(profile: ClosedProfile | undefined, { legHash, device }: ToldReplay) {
  if (profile === undefined) return undefined;
  const secret = Buffer.from(profile.secretHex, 'hex');
  const folder = await openProfileFolder({ profileDir: profile.profileDir, secret, create: false });
  try {
    const { outbox } = folder.store;
    const hash = Uint8Array.from(Buffer.from(legHash, 'hex'));
    const row = outbox.findToGroup(hash) ?? outbox.findByLegHash(hash, device as DeviceId);
    return (
      row && { seq: row.seq, submitId: row.submitId, acceptedAtMs: row.acceptedAtMs, resends: row.resends }
    );
  } finally {
    folder.close();
  }
}
