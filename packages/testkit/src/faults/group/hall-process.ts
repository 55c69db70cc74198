/** A hall: many members of one group in one process that may be killed at any moment. */
import { enrol, openProfile, type Profile } from '@kuvert/client-core/node';
import { KuvertError } from '@kuvert/protocol';
import { toldReplay } from '../closed-profiles.ts';
import { Notebook, readNotebook } from '../notebook.ts';
import { pause } from '../partition.ts';
import { Dice } from '../plan.ts';
import { Member } from './hall-member.ts';
import type { HallAnswer, HallMember, HallOrder, HallSettings } from './hall-talk.ts';

const AT_ONCE = 8;
/** To look how far a message has come, all members are gone through. */
const LOOK_MS = { least: 150, perMember: 5 } as const;
const OPENING_MAX = 50;
const FOUNDING_MS = 120_000;

const leaving = new AbortController();
let members: Member[] = [];
let settings: HallSettings | undefined;
let isQuiet = false;

process.on('disconnect', () => process.exit(1));
process.on('message', (order: HallOrder) => void obey(order));

async function obey(order: HallOrder): Promise<void> {
  switch (order.do) {
    case 'come':
      settings = order.settings;
      answer({ type: 'ready', devices: await come(settings) });
      break;
    case 'found':
      answer({ type: 'founded', group: await found(order.mails) });
      break;
    case 'talk':
      for (const member of members) if (member.isTalker) void talk(member, order.messages);
      break;
    case 'be-quiet':
      isQuiet = true;
      break;
    case 'flush':
      answer({ type: 'standings', standings: await inTurns(members, (member) => member.flush()) });
      break;
    case 'leave':
      leaving.abort();
      await inTurns(members, ({ profile }) => profile.close());
      process.exit(0);
  }
}

async function come({ members: wanted, notebook: path, serverUrl }: HallSettings) {
  const before = readNotebook(path);
  const notebook = new Notebook(path);
  members = await inTurns(wanted, async (one) => {
    const profile = await open(one, serverUrl, notebook);
    const member = new Member({ profile, notebook, isTalker: one.isTalker });
    member.recall(before);
    return member;
  });
  for (const member of members) void member.read(leaving.signal);
  const looking = setInterval(
    () => {
      for (const member of members) if (member.isTalker) member.look();
    },
    LOOK_MS.least + LOOK_MS.perMember * wanted.length,
  );
  leaving.signal.addEventListener('abort', () => clearInterval(looking));
  return members.map(({ profile, device }) => ({ person: profile.whoami().personId, device }));
}

async function found(mails: readonly string[]): Promise<string> {
  const [founder] = members;
  if (founder === undefined || settings === undefined) throw new Error('the hall is empty');
  const { profile } = founder;
  const { title } = settings;
  // On a loaded machine an answer may come too late, and what was asked for may be there all the same.
  for (let tries = 1; ; tries++) {
    try {
      await profile.flush({ timeoutMs: FOUNDING_MS });
      const there = profile.groups.list().find((group) => group.title === title);
      return (there ?? (await profile.groups.create(title, mails))).groupId;
    } catch (error) {
      if (!(error instanceof KuvertError) || error.retry.kind === 'never' || tries > OPENING_MAX) throw error;
      await pause(error.retry.kind === 'after' ? error.retry.ms : 1_000);
    }
  }
}

async function talk(member: Member, messages: number): Promise<void> {
  if (settings === undefined) return;
  const { title, life, seed } = settings;
  const mayTalk = () => !isQuiet && !leaving.signal.aborted;
  await member.talk({ title, life, messages, mayTalk, dice: new Dice(`${seed} ${life} ${member.device}`) });
}

/** The lock of a process that was just killed may still be held. */
async function open(member: HallMember, serverUrl: string, notebook: Notebook): Promise<Profile> {
  const { profileDir, token } = member;
  const secret = Buffer.from(member.secretHex, 'hex');
  if (token !== undefined) await enrol({ serverUrl, token, profileDir, secret });
  for (let tries = 1; ; tries++) {
    try {
      const profile: Profile = await openProfile({
        profileDir,
        secret,
        onReplay: (evidence) => notebook.recordReplay(toldReplay(profile.whoami().deviceId, evidence)),
      });
      return profile;
    } catch (error) {
      const isHeld = error instanceof KuvertError && error.code === 'profile_in_use';
      if (!isHeld || tries > OPENING_MAX) throw error;
      await pause(20);
    }
  }
}

/** For each, some at once, results in order. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))));
    answer({ type: 'going-on' });
  }
  return results;
}

function answer(what: HallAnswer): void {
  process.send?.(what);
}
