/** How much is measured: the long form for people who decide by it, the short one to see that everything still runs. */
import type { UploadsPlan } from './files/uploads.ts';
import type { GroupSenderPlan } from './groups/real-sender.ts';
import type { FanoutScenario, IdleScenario, OfflineScenario, OnlineScenario, Spell } from './load/job.ts';
import type { SeededTenant } from './seed/enrol-devices.ts';

/** Everything that one run does. */
export interface Plan {
  readonly rounds: number;
  readonly tenants: readonly SeededTenant[];
  /** Measured on every peer in every round. */
  readonly scenarios: readonly (OnlineScenario | OfflineScenario | FanoutScenario)[];
  /** On each layer, and with strace. */
  readonly busy: OnlineScenario;
  /** On a server that has just started. */
  readonly idle: IdleScenario;
  /** Beside a plain server. */
  readonly uploads: UploadsPlan;
  /** A real client that writes to a group, on the product alone. */
  readonly groupSender: GroupSenderPlan;
  /** On the product alone. */
  readonly manyTenants: OnlineScenario;
  /** Days that pass for the growth of the data. */
  readonly growthDays: number;
  /** On the device whose history goes to a new one, and which is searched. */
  readonly past: { readonly messages: number; readonly opensEach: boolean };
}

const SMALL_TENANTS = 100;
/** People in a group, the sender among them. */
const GROUP_SIZES = { short: [100, 500], long: [100, 500, 1_000] } as const;

/**
 * @param options.seconds how long each turn of a loop is measured, in place of the form's own time
 * @param options.inflight of the loops between pairs only this one
 */
export function makePlan(options: {
  readonly short: boolean;
  readonly rounds: number | undefined;
  readonly seconds: number | undefined;
  readonly inflight?: number | undefined;
  /** Thousands of devices are enrolled only where their memory is measured. */
  readonly hasIdle?: boolean;
  /** A tenant of its own for groups with a real sender: its files have no room left over from other parts. */
  readonly hasGroups?: boolean;
}): Plan {
  const { short } = options;
  const measuredMs = (options.seconds ?? 1) * 1000;
  const spell: Spell = short
    ? { warmUpMs: 500, warmUpMessages: 0, turns: 1, rampMs: 100, measuredMs, restMs: 100 }
    : { warmUpMs: 2_000, warmUpMessages: 40_000, turns: 4, rampMs: 600, measuredMs, restMs: 600 };
  const devices = short ? 501 : options.hasIdle === false ? 1_000 : 5_000;
  const people = short ? 20 : 50;
  const senders = 8;
  const sizes = GROUP_SIZES[short ? 'short' : 'long'];
  const online = (pairs: number, window: number): OnlineScenario => ({
    what: 'online',
    accounts: { first: 0, count: 2 * pairs },
    window,
    ...spell,
  });
  const toMany = (what: FanoutScenario['what'], members: number): FanoutScenario => ({
    what,
    first: 0,
    members,
    ...spell,
  });
  return {
    rounds: options.rounds ?? (short ? 1 : 3),
    tenants: [
      { devices, stocked: people + senders },
      ...Array.from({ length: SMALL_TENANTS }, () => ({ devices: 2, stocked: 0 })),
      ...(options.hasGroups === true ? [{ devices: Math.max(...sizes), stocked: 0 }] : []),
    ],
    scenarios: [
      ...[online(1, 1), online(32, 1), online(64, 4)].filter(
        ({ accounts, window }) =>
          options.inflight === undefined || (accounts.count / 2) * window === options.inflight,
      ),
      {
        what: 'offline',
        warmUps: short ? 1 : 12,
        turns: short ? 1 : 5,
        first: 0,
        people,
        messagesEach: short ? 20 : 100,
        senders,
        chunk: 10,
        connecting: 8,
        pauseMs: short ? 300 : 1_500,
      },
      toMany('fanout', 100),
      toMany('fanout', 500),
      ...sizes.map((members) => toMany('group', members)),
    ],
    busy: online(64, 4),
    idle: {
      what: 'idle',
      turns: 1,
      accounts: { first: 0, count: short ? 500 : devices },
      settleMs: short ? 1_000 : 5_000,
    },
    uploads: short
      ? { sizesMib: [1, 8], warmUpMs: 100, turns: 1, blockMs: 100 }
      : { sizesMib: [1, 16, 64, 256], warmUpMs: 2_000, turns: 3, blockMs: 500 },
    groupSender: {
      sizes,
      warmUp: short ? 5 : 50,
      messages: short ? 40 : 300,
      turns: short ? 1 : 10,
    },
    growthDays: short ? 3 : 45,
    past: { messages: short ? 4_000 : 100_000, opensEach: !short },
    manyTenants: {
      what: 'tenants',
      accounts: { first: devices, count: 2 * SMALL_TENANTS },
      window: 2,
      ...spell,
    },
  };
}
