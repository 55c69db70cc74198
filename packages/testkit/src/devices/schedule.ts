/** Schedules of what people do with several devices, as fast-check makes and shrinks them, and the running of one. */
import fc from 'fast-check';
import type { TestInstallation } from '../installation.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { Community } from './community.ts';
import type { HeldDevice } from './held-device.ts';

/** The people of a schedule. */
const NAMES = ['Anna', 'Ben', 'Cem'] as const;
const MINUTES_MS = 60_000;

/** One thing that somebody does. Numbers choose among what there is at that moment. */
export type Step =
  | { readonly do: 'send'; readonly device: number; readonly to: number; readonly count: number }
  | { readonly do: 'read'; readonly device: number; readonly which: number; readonly how: 'alone' | 'up-to' }
  | {
      readonly do: 'delete';
      readonly device: number;
      readonly which: number;
      readonly scope: 'here' | 'own-devices' | 'everywhere';
    }
  | { readonly do: 'set'; readonly device: number; readonly to: number; readonly what: number }
  | { readonly do: 'link'; readonly device: number; readonly isSigner: boolean }
  | { readonly do: 'revoke'; readonly device: number; readonly which: number }
  | { readonly do: 'verify'; readonly device: number; readonly to: number }
  | {
      readonly do: 'retire' | 'copy' | 'restore' | 'go-away' | 'fall-asleep' | 'come-back' | 'flush';
      readonly device: number;
    }
  | { readonly do: 'wait'; readonly minutes: number }
  | { readonly do: 'expire' }
  | { readonly do: 'settle' };

const nat = fc.nat(20);
const of = <K extends Step['do']>(...names: K[]) => fc.constantFrom(...names);

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: of('send'), device: nat, to: nat, count: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: of('read'), device: nat, which: nat, how: fc.constantFrom('alone', 'up-to') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: of('delete'),
      device: nat,
      which: nat,
      scope: fc.constantFrom('here', 'own-devices', 'everywhere'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: of('set'), device: nat, to: nat, what: nat }) },
  { weight: 3, arbitrary: fc.record({ do: of('link'), device: nat, isSigner: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: of('revoke'), device: nat, which: nat }) },
  { weight: 1, arbitrary: fc.record({ do: of('verify'), device: nat, to: nat }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: of('copy', 'restore', 'go-away', 'fall-asleep', 'come-back', 'flush'),
      device: nat,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: of('retire'), device: nat }) },
  { weight: 1, arbitrary: fc.record({ do: of('wait'), minutes: fc.integer({ min: 1, max: 2_000 }) }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'expire' as const }, { do: 'settle' as const }) },
) as fc.Arbitrary<Step>;

/** A schedule of at most so many steps. */
export const scheduleOf = (stepsMax: number): fc.Arbitrary<Step[]> =>
  fc.array(step, { minLength: Math.ceil(stepsMax / 2), maxLength: stepsMax });

/**
 * Acts a schedule out with people of a tenant of their own, lets everything come to rest, and gives the ledger.
 * @param installation may have served other schedules before; its clock only goes on
 */
export async function runSchedule(installation: TestInstallation, steps: readonly Step[]): Promise<Ledger> {
  await using community = await Community.found(installation, NAMES);
  for (const [at, one] of steps.entries()) {
    installation.clock.advance(1_000);
    try {
      await act(community, installation, one);
    } catch (cause) {
      throw new Error(`step ${at} (${JSON.stringify(one)}) failed: ${describe(cause)}`, { cause });
    }
  }
  await community.settle();
  return community.ledger;
}

function describe(cause: unknown): string {
  const { code, stack } = cause as { code?: string; stack?: string };
  return `${code ?? ''} ${stack ?? String(cause)}`;
}

function choose<T>(choices: readonly T[], number: number): T | undefined {
  return choices.length === 0 ? undefined : choices[number % choices.length];
}

async function act(community: Community, installation: TestInstallation, step: Step): Promise<void> {
  if (step.do === 'wait') return community.wait(step.minutes * MINUTES_MS);
  if (step.do === 'expire') return community.letExpire();
  if (step.do === 'settle') return community.settle();
  const present = community.devices.filter(({ isGone }) => !isGone);
  const device = choose(present, step.device);
  if (device === undefined) return;
  const others = present.filter(({ owner }) => owner !== device.owner);
  switch (step.do) {
    case 'send': {
      const to = choose(others, step.to);
      if (to === undefined) return;
      const texts = Array.from({ length: step.count }, (_, n) => `${installation.clock.nowMs()} ${n}`);
      await device.say(to.owner, texts);
      break;
    }
    case 'read': {
      const message = choose(
        device.texts().filter(({ isUnread }) => isUnread),
        step.which,
      );
      if (message !== undefined) device.read(message, step.how);
      break;
    }
    case 'delete': {
      const isOwn = ({ direction }: { direction: string }) =>
        step.scope !== 'everywhere' || direction === 'out';
      const message = choose(device.texts().filter(isOwn), step.which);
      if (message !== undefined) device.delete(message, step.scope);
      break;
    }
    case 'set':
      set(device, choose(others, step.to), step.what);
      break;
    case 'link':
      await community.link(device, step.isSigner);
      break;
    case 'revoke': {
      const target = choose(community.ownOf(device.owner), step.which);
      if (target !== undefined) await community.revoke(device, target);
      break;
    }
    case 'verify': {
      const other = choose(others, step.to);
      if (other !== undefined) await community.compare(device, other);
      break;
    }
    case 'retire':
      if (community.ownOf(device.owner).length > 1) await community.retire(device);
      break;
    case 'copy':
      await device.copy();
      break;
    case 'restore':
      if (device.hasCopy) await device.restore();
      break;
    case 'go-away':
      if (!device.isAway) await device.goAway();
      break;
    case 'fall-asleep':
      await community.letFallAsleep(
        choose(
          present.filter(({ isAway }) => isAway),
          step.device,
        ) ?? device,
      );
      break;
    case 'come-back':
      device.comeBack();
      break;
    case 'flush':
      break;
  }
  if (device.canAct) await device.flush();
}

/** Pins, mutes or begins a text, in a conversation that there is. */
function set(device: HeldDevice, other: HeldDevice | undefined, what: number): void {
  if (other === undefined) return;
  const { conversations } = device.profile;
  const summary = conversations.list().find(({ peer }) => peer.personId === other.owner.personId);
  if (summary === undefined) return;
  const { conversationId } = summary;
  if (what % 3 === 0) conversations.setPinned(conversationId, !summary.isPinned);
  else if (what % 3 === 1) conversations.setDraft(conversationId, `draft ${what}`);
  else
    conversations.setMuted(
      conversationId,
      summary.mutedUntilMs === undefined ? 4_102_444_800_000 : undefined,
    );
}
