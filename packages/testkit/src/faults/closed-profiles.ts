/**
 * What profiles know, after a campaign, of what should not have been. With an honest server nobody is told of a replay (P3), and nothing has to come
 * again because it did not open: each is a fault of ours, also where it was mended and nobody has noticed. What explains it is gone with
 * the campaign unless it is kept: who was told, on which connections the bytes came, and what their sender has of them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openProfileFolder, type ReplayEvidence } from '@kuvert/client-core/node';
import { type DeviceId, ID_BYTES } from '@kuvert/protocol';
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
    explained.push({ ...line, sent, isSameRow: sent && sent.acceptedAtMs === line.acceptedAtMs });
  }
  if (lines.length > 0) writeFileSync(join(folder, 'replays.json'), JSON.stringify(explained, undefined, 2));
}

/** Why messages are set aside that were not opened when they came. */
const REASONS = ['undecryptable', 'no-key', 'untrusted', 'inconsistent', 'malformed', 'too-new'];
const SET_ASIDE_MAX = 1_000;

/** What a profile has set aside. */
export interface SetAside {
  readonly device: string;
  readonly reason: string;
  readonly from: string | undefined;
  readonly isOfGroup: boolean;
  readonly class: number;
  readonly acceptedAtMs: number;
  readonly atMs: number;
  /** It was asked for again and has not come. */
  readonly isOpen: boolean;
  readonly legHash: string;
}

/** Everything that these profiles have set aside. */
export async function listSetAside(
  profiles: Iterable<readonly [string, ClosedProfile]>,
): Promise<SetAside[]> {
  const found: SetAside[] = [];
  for (const [device, profile] of profiles) {
    const folder = await open(profile);
    try {
      const rows = REASONS.flatMap((reason) => folder.store.repairs.listQuarantined(reason, SET_ASIDE_MAX));
      for (const {
        reason,
        senderDevice: from,
        leg,
        class: sentAs,
        acceptedAtMs,
        atMs,
        isOpen,
        legHash,
      } of rows) {
        const isOfGroup = leg.length === ID_BYTES;
        const hash = Buffer.from(legHash).toString('hex');
        found.push({
          device,
          reason,
          from,
          isOfGroup,
          class: sentAs,
          acceptedAtMs,
          atMs,
          isOpen,
          legHash: hash,
        });
      }
    } finally {
      folder.close();
    }
  }
  return found;
}

function open({ profileDir, secretHex }: ClosedProfile) {
  return openProfileFolder({ profileDir, secret: Buffer.from(secretHex, 'hex'), create: false });
}

async function sentBy(profile: ClosedProfile | undefined, { legHash, device }: ToldReplay) {
  if (profile === undefined) return undefined;
  const folder = await open(profile);
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
