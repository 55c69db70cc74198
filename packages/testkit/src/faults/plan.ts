/** What goes wrong, and in which order: a pure function of seed and counts, so that a failing seed repeats the same faults. */
import { createHash } from 'node:crypto';

/** Chance from a seed. */
export class Dice {
  readonly #seed: string;
  #rolls = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** A number from 0 up to but not including `below`. */
  below(below: number): number {
    const roll = createHash('sha256')
      .update(`${this.#seed} ${this.#rolls++}`)
      .digest()
      .readUIntBE(0, 6);
    return roll % below;
  }

  /** One of these. */
  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error('nothing to choose from');
    return choice;
  }

  /** The same in another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const left = [...items];
    return items.map(() => left.splice(this.below(left.length), 1)[0] as T);
  }
}

/** Ways in which the network between clients and server fails; acted out in `tcp-proxy.ts`. */
export const PARTITIONS = [
  /** The connection is reset after some more bytes, mostly in the middle of a frame. */
  'cut',
  /** The client sees the end of the connection, the server hears nothing more of it for a while. */
  'half-open',
  /** Bytes of the old connection reach the server after the client has already connected anew. */
  'late',
  /** Nothing gets through in either direction, then everything that waited. */
  'blackhole',
  /** Nothing gets through in one direction. */
  'one-way',
  /** A few bytes at a time. */
  'slow',
  /** Each connection has a delay of its own, so that what one device sent first arrives after another's. */
  'reordered',
  /** A byte is not what was sent. */
  'flipped',
  /** Nobody can connect, and whoever is connected loses the connection. */
  'unreachable',
] as const;
export type Partition = (typeof PARTITIONS)[number];

/** One fault. Times in milliseconds; `afterMs` is what the traffic gets before it. */
export type Fault = { readonly afterMs: number } & (
  | { readonly kind: 'kill-server'; readonly startingForMs?: number }
  | { readonly kind: 'kill-client'; readonly person: number; readonly restMs: number }
  /** `of`: which machine loses its power. */
  | { readonly kind: 'power-cut'; readonly of: 'server' | 'clients' | 'both' }
  | {
      readonly kind: 'partition';
      readonly how: Partition;
      readonly forMs: number;
      readonly bytes: number;
      readonly everybody: boolean;
    }
  | { readonly kind: 'failing-fsync'; readonly nth: number }
  | { readonly kind: 'slow-fsync'; readonly forMs: number; readonly delayMs: number }
  | { readonly kind: 'full-disk'; readonly forMs: number }
  | {
      readonly kind: 'clock-jump';
      readonly of: 'server' | 'client';
      readonly byMs: number;
      readonly forMs: number;
    }
  | { readonly kind: 'kill-database'; readonly restMs: number }
  /** A command of the server meets it: the connection ends before or after it is done, or the primary steps down. */
  | {
      readonly kind: 'database-command';
      readonly how: CommandFault;
      readonly command: string;
      readonly skip: number;
    }
  | { readonly kind: 'slow-majority'; readonly forMs: number; readonly delayMs: number }
  | { readonly kind: 'full-database'; readonly forMs: number }
);

/** What happens to a command on its way to the database and back. */
export type CommandFault = 'cut-before' | 'cut-after' | 'step-down' | 'step-down-after';

/** Commands that commit, write and read. */
const COMMANDS = ['commitTransaction', 'insert', 'update', 'delete', 'find'] as const;

/** How many of which fault. */
export interface FaultCounts {
  readonly kills: number;
  readonly powerCuts: number;
  readonly partitions: number;
  readonly failingFsyncs: number;
  readonly slowFsyncs: number;
  readonly fullDisks: number;
  readonly clockJumps: number;
  /** Faults of a database in a process of its own, see database.ts. */
  readonly databaseKills?: number;
  readonly cutsBefore?: number;
  readonly cutsAfter?: number;
  readonly stepDowns?: number;
  readonly slowMajorities?: number;
  readonly fullDatabases?: number;
}

const HOUR_MS = 3_600_000;

/** The faults of a campaign, in order. */
export function planFaults(seed: string, counts: FaultCounts, people: number): Fault[] {
  const dice = new Dice(`plan ${seed}`);
  const afterMs = (): number => dice.below(400);
  const times = (count: number, make: (index: number) => Fault): Fault[] =>
    Array.from({ length: count }, (_, index) => make(index));
  const commandFault = (how: CommandFault, index: number): Fault => ({
    kind: 'database-command',
    afterMs: afterMs(),
    how,
    command: (index % 2 === 0 ? COMMANDS[0] : COMMANDS[(index >> 1) % COMMANDS.length]) ?? 'find',
    skip: dice.below(4),
  });
  return dice.shuffle([
    ...times(counts.kills, (index) => {
      // Of five kills three meet the server at work, one meets it starting, one meets a client.
      if (index % 5 === 4) {
        return {
          kind: 'kill-client',
          afterMs: afterMs(),
          person: dice.below(people),
          restMs: dice.below(300),
        };
      }
      const starting = index % 5 === 3 ? { startingForMs: dice.below(700) } : {};
      return { kind: 'kill-server', afterMs: afterMs(), ...starting };
    }),
    ...times(counts.powerCuts, (index) => ({
      kind: 'power-cut',
      afterMs: afterMs(),
      of: (['server', 'clients', 'server', 'both', 'server'] as const)[index % 5] ?? 'server',
    })),
    ...times(counts.partitions, (index) => ({
      kind: 'partition',
      afterMs: afterMs(),
      how: PARTITIONS[index % PARTITIONS.length] ?? 'cut',
      forMs: 100 + dice.below(1_200),
      bytes: dice.below(3_000),
      everybody: dice.below(3) === 0,
    })),
    ...times(counts.failingFsyncs, () => ({
      kind: 'failing-fsync',
      afterMs: afterMs(),
      nth: 1 + dice.below(8),
    })),
    ...times(counts.slowFsyncs, () => ({
      kind: 'slow-fsync',
      afterMs: afterMs(),
      forMs: 500 + dice.below(1_000),
      delayMs: 50 + dice.below(250),
    })),
    ...times(counts.fullDisks, () => ({
      kind: 'full-disk',
      afterMs: afterMs(),
      forMs: 300 + dice.below(1_200),
    })),
    ...times(counts.clockJumps, (index) => ({
      kind: 'clock-jump',
      afterMs: afterMs(),
      of: index % 3 === 2 ? 'client' : 'server',
      byMs: dice.pick([72, 24, 1, -1, -24]) * HOUR_MS,
      forMs: 200 + dice.below(1_000),
    })),
    ...times(counts.databaseKills ?? 0, () => ({
      kind: 'kill-database',
      afterMs: afterMs(),
      restMs: dice.below(400),
    })),
    ...times(counts.cutsBefore ?? 0, (index) => commandFault('cut-before', index)),
    ...times(counts.cutsAfter ?? 0, (index) => commandFault('cut-after', index)),
    ...times(counts.stepDowns ?? 0, (index) =>
      commandFault(index % 2 === 0 ? 'step-down' : 'step-down-after', index),
    ),
    ...times(counts.slowMajorities ?? 0, () => ({
      kind: 'slow-majority',
      afterMs: afterMs(),
      forMs: 500 + dice.below(1_000),
      delayMs: 50 + dice.below(400),
    })),
    ...times(counts.fullDatabases ?? 0, () => ({
      kind: 'full-database',
      afterMs: afterMs(),
      forMs: 300 + dice.below(1_200),
    })),
  ]);
}
