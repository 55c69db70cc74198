/**
 * Faults that a real server does not produce on demand: connections cut before or after a command is applied, a primary that steps down, a
 * majority that takes its time, a disk that is full, any documented error. Ordered one by one, or drawn from a seed.
 */
import type { Document } from 'bson';
import { seededChoices } from '../test-clock.ts';
import { asNumber } from './numbers.ts';

/** What can go wrong. */
export const FAULT_KINDS = [
  'cut-before',
  'cut-after',
  'step-down',
  'step-down-after',
  'slow-majority',
  'disk-full',
  'error',
] as const;

/**
 * `cut-before`: the connection ends and nothing was done. `cut-after`: it ends when the command is done and durable. `step-down`: the
 * primary steps down instead of running the command; `step-down-after`: after it, and the answer says so. `slow-majority`: the answer
 * takes `ms` longer. `disk-full`: the log cannot be written. `error`: the answer is `code`, and nothing was done.
 */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault. */
export interface Fault {
  readonly kind: FaultKind;
  /** Names of the commands that it waits for; empty for any that reads or writes data. */
  readonly commands?: readonly string[];
  /** How many commands it lets pass first. */
  readonly skip?: number;
  /** How often it happens, 1 unless told. */
  readonly times?: number;
  /** Of `slow-majority`: how much slower; of a step-down: how long there is no primary. */
  readonly ms?: number;
  /** Of `error`. */
  readonly code?: number;
}

/** Faults drawn for each command: how many of 1000 commands meet which. The same seed and commands give the same faults. */
export interface FaultPlan {
  readonly seed: string;
  readonly perThousand: Readonly<Partial<Record<FaultKind, number>>>;
  readonly commands?: readonly string[];
  readonly ms?: number;
  readonly code?: number;
}

/** Commands of monitoring, of sessions and of the test itself never meet a fault unless they are named. */
const DATA_COMMANDS = new Set([
  'insert',
  'update',
  'delete',
  'findAndModify',
  'find',
  'getMore',
  'aggregate',
  'bulkWrite',
  'commitTransaction',
  'abortTransaction',
]);

/** The faults of a double. */
export class Faults {
  /** How often each kind has happened. */
  readonly happened: Record<FaultKind, number>;
  #ordered: { fault: Fault; skip: number; left: number }[] = [];
  #plan: { plan: FaultPlan; choose: (below: number) => number } | undefined;
  /** Whether the disk is full until told otherwise. */
  diskFull = false;
  /** Added to every acknowledged write until told otherwise. */
  majorityDelayMs = 0;

  constructor() {
    this.happened = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  }

  /** Orders a fault for a command to come. */
  order(fault: Fault): void {
    this.#ordered.push({ fault, skip: fault.skip ?? 0, left: fault.times ?? 1 });
  }

  /** Draws faults from now on. */
  follow(plan: FaultPlan): void {
    this.#plan = { plan, choose: seededChoices(plan.seed) };
  }

  /** No more faults. */
  clear(): void {
    this.#ordered = [];
    this.#plan = undefined;
    this.diskFull = false;
    this.majorityDelayMs = 0;
  }

  /** The fault that this command meets, if any. */
  meet(command: string): Fault | undefined {
    for (const ordered of this.#ordered) {
      if (!isMeant(ordered.fault.commands, command)) continue;
      if (ordered.skip > 0) {
        ordered.skip -= 1;
        continue;
      }
      ordered.left -= 1;
      if (ordered.left <= 0) this.#ordered = this.#ordered.filter((one) => one !== ordered);
      return ordered.fault;
    }
    return this.#draw(command);
  }

  /** The command `mongoDouble` of a double in a process of its own: `order`, `follow`, `clear`, `diskFull`, `majorityDelayMs`. */
  command(command: Document): Document {
    if (command.clear === true) this.clear();
    if (command.order !== undefined) this.order(plain(command.order) as unknown as Fault);
    if (command.follow !== undefined) this.follow(plain(command.follow) as unknown as FaultPlan);
    if (typeof command.diskFull === 'boolean') this.diskFull = command.diskFull;
    if (command.majorityDelayMs !== undefined) this.majorityDelayMs = asNumber(command.majorityDelayMs) ?? 0;
    return { happened: this.happened, ok: 1 };
  }

  #draw(command: string): Fault | undefined {
    if (this.#plan === undefined || !isMeant(this.#plan.plan.commands, command)) return undefined;
    const { plan, choose } = this.#plan;
    let drawn = choose(1000);
    for (const kind of FAULT_KINDS) {
      const share = plan.perThousand[kind] ?? 0;
      if (drawn < share) {
        return {
          kind,
          ...(plan.ms === undefined ? {} : { ms: plan.ms }),
          ...(plan.code === undefined ? {} : { code: plan.code }),
        };
      }
      drawn -= share;
    }
    return undefined;
  }
}

function isMeant(commands: readonly string[] | undefined, command: string): boolean {
  return commands === undefined || commands.length === 0
    ? DATA_COMMANDS.has(command)
    : commands.includes(command);
}

/** Numbers of a command become JavaScript's. */
function plain(value: unknown): Document {
  return JSON.parse(JSON.stringify(value)) as Document;
}
