/** How a command uses a profile: open it, talk to the server where that is possible, tell what the person should know, close it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { GroupView, Notice } from '@kuvert/client-core';
import { openProfile, type Profile } from '@kuvert/client-core/node';
import { type GroupId, KuvertError, sentenceFor } from '@kuvert/protocol';
import type { Output } from './output.ts';
import { tellingProgress } from './progress.ts';
import { readSecretFile } from './secret-file.ts';
import { showLine } from './terminal-text.ts';

/** The options that every command on a profile has. */
export interface ProfileOptions {
  readonly profile: string;
  readonly secretFile: string;
}

/** Time limits of talking to the server, in milliseconds. */
export const TIME_LIMIT_MS = {
  /** Waiting for another command on the same profile. */
  busyProfile: 5_000,
  /** Until a server counts as unreachable for a command that goes on without it: longer than a busy machine or a slow line takes to connect. */
  connect: 10_000,
  /** Sending what waits and taking what is there, beside a command's own work. */
  flush: 15_000,
  /** One round of taking everything out of the mailbox; `inbox` takes as many rounds as make progress. */
  drain: 60_000,
  /** A file that moves no further. */
  fileStandstill: 60_000,
} as const;

/**
 * Opens a profile, runs `work` on it, tells how far it is, then new notices, and closes it, whatever happens.
 * @param hasScreen it shows by itself how far things are
 */
export async function withProfile<T>(
  options: ProfileOptions,
  output: Output,
  work: (profile: Profile) => Promise<T>,
  { hasScreen = false }: { readonly hasScreen?: boolean } = {},
): Promise<T> {
  const secret = await readSecretFile(options.secretFile, output);
  const profile = await openWhenFree({ profileDir: options.profile, secret });
  const stop = hasScreen ? undefined : profile.onProgress(tellingProgress(output));
  try {
    return await work(profile);
  } finally {
    stop?.();
    output.counted();
    await tellNotices(profile, output);
    await profile.close();
  }
}

/** Commands in quick succession overlap for a moment, so a busy profile is waited for before it is refused. */
async function openWhenFree(options: { profileDir: string; secret: Uint8Array }): Promise<Profile> {
  const giveUpAt = performance.now() + TIME_LIMIT_MS.busyProfile;
  for (;;) {
    try {
      return await openProfile(options);
    } catch (error) {
      const isBusy = error instanceof KuvertError && error.code === 'profile_in_use';
      if (!isBusy || performance.now() >= giveUpAt) throw error;
      await pause(100);
    }
  }
}

/** True for failures that a later command can cure by itself: what was written down stays written down. */
export function isOffline(error: unknown): boolean {
  return (
    error instanceof KuvertError &&
    ['server_unreachable', 'shutting_down', 'channel_broken', 'overloaded'].includes(error.code)
  );
}

/**
 * Sends what waits and takes what is there, for commands that also work offline.
 * @returns false when the server cannot be reached
 * @throws KuvertError other than being offline
 */
export async function flushIfReachable(profile: Profile): Promise<boolean> {
  try {
    if (!(await connectIfReachable(profile))) return false;
    await profile.flush({ timeoutMs: TIME_LIMIT_MS.flush });
    return true;
  } catch (error) {
    if (isOffline(error)) return false;
    throw error;
  }
}

/**
 * A group by title or id, with what the server has of it. A title that somebody else has changed a moment ago still names what it named here.
 * @throws KuvertError `not_found`, `group_ambiguous`, and what ends a connection
 */
export async function refreshedGroup(profile: Profile, name: string): Promise<GroupView> {
  const before = profile.groups.list().filter(({ title, role }) => title === name && role !== undefined);
  await profile.groups.refresh();
  try {
    return profile.groups.find(name);
  } catch (error) {
    const [only] = before;
    const isRenamed = error instanceof KuvertError && error.code === 'not_found' && before.length === 1;
    if (only === undefined || !isRenamed) throw error;
    return profile.groups.find(only.groupId);
  }
}

/**
 * A group by title or id: with what the server has of it while connected, else as it is known here.
 * @throws KuvertError `not_found`, `group_ambiguous`, and what ends a connection
 */
export async function groupNamed(profile: Profile, name: string): Promise<GroupView> {
  return profile.isConnected ? refreshedGroup(profile, name) : profile.groups.find(name);
}

/** Connects, fetches and sends for a command that needs the server. @throws KuvertError `server_unreachable`, … */
export async function flushNow(profile: Profile): Promise<void> {
  await profile.flush({ timeoutMs: TIME_LIMIT_MS.flush });
}

/**
 * Connects for a command that goes on without the server.
 * @returns false when the server cannot be reached in time
 * @throws KuvertError other than being offline
 */
export async function connectIfReachable(profile: Profile): Promise<boolean> {
  const stop = new AbortController();
  const tooLate = pause(TIME_LIMIT_MS.connect, false, { signal: stop.signal, ref: true }).catch(() => false);
  const connected = profile.connect().then(
    () => true,
    (error) => {
      if (isOffline(error)) return false;
      throw error;
    },
  );
  // When time is up first, a later failure of the connection has nobody left to tell.
  connected.catch(() => undefined);
  try {
    return await Promise.race([connected, tooLate]);
  } finally {
    stop.abort();
  }
}

/** Tells what the person should know, once. */
export async function tellNotices(profile: Profile, output: Output): Promise<void> {
  const notices = profile.notices();
  for (const notice of notices) {
    const { kind, atMs, personId, groupId, deviceId, messageId, count } = notice;
    const facts = { at: new Date(atMs).toISOString(), personId, deviceId, messageId, count };
    const who = personId && profile.person(personId)?.name;
    const group = groupId && groupOf(profile, groupId);
    const sentence = noticeSentence(notice, output, who, group?.title);
    await output.notice(notice.code ?? kind, sentence, { kind, ...facts, ...group });
  }
  if (notices.length > 0) profile.markNoticesSeen(notices.map((notice) => notice.noticeId));
}

/** A group by the names that messages have for it. */
function groupOf(profile: Profile, group: GroupId): { group: GroupId; title?: string } {
  const known = profile.groups.list().find(({ groupId }) => groupId === group);
  return { group, ...(known && { title: known.title }) };
}

/**
 * What a notice says to people.
 * @param name of the person whom it is about, where it is known
 * @param title of the group that it is about, where it can be read
 */
export function noticeSentence(
  notice: Pick<Notice, 'kind' | 'code' | 'count' | 'deviceId' | 'atMs'>,
  output: Pick<Output, 'language' | 'texts'>,
  name?: string,
  title?: string,
): string {
  const which = title ? showLine(title) : undefined;
  const who = name === undefined ? undefined : showLine(name);
  if (notice.code !== undefined) return sentenceFor(notice.code, output.language);
  const { texts } = output;
  switch (notice.kind) {
    case 'messages_missing':
      return texts.messagesMissing(notice.count ?? 1);
    case 'messages_reordered':
      return texts.messagesReordered(notice.count ?? 1);
    case 'messages_replayed':
      return texts.messagesReplayed(notice.count ?? 1);
    case 'messages_expired':
      return texts.messagesExpired(notice.count ?? 1, who);
    case 'was_dormant':
    case 'was_dormant_alone':
      return texts.wasDormant(notice.count ?? 0, new Date(notice.atMs), notice.kind === 'was_dormant');
    case 'profile_restored':
      return texts.profileRestored(new Date(notice.atMs));
    case 'undecryptable':
      return texts.undecryptable();
    case 'refused':
      return texts.refused();
    case 'identity_problem':
      return texts.identityProblem(who);
    case 'list_mismatch':
      return texts.listMismatch();
    case 'keys_changed':
      return texts.keysChanged(who);
    case 'verification_lost':
      return texts.verificationLost(who);
    case 'person_device_added':
      return texts.personDeviceAdded(who);
    case 'person_device_removed':
      return texts.personDeviceRemoved(who);
    case 'device_linked':
      return texts.ownDeviceLinked();
    case 'device_revoked':
      return texts.ownDeviceRevoked();
    case 'key_reset':
      return texts.keyReset(who);
    case 'revoke_asked':
      return texts.revokeAsked(notice.deviceId ?? '');
    case 'group_added':
      return texts.groupAdded(which);
    case 'group_removed':
      return texts.groupRemoved(which);
    case 'group_dissolved':
      return texts.groupDissolved(which);
    case 'group_changed':
    case 'group_problem':
      return sentenceFor('group_not_trusted', output.language);
    case 'recipient_unknown':
      return texts.recipientUnknown();
    case 'not_accepted':
      return texts.notAccepted();
  }
}
