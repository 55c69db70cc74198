import { expect, test } from 'vitest';
import { openSqlcipherStore } from './node/store-sqlcipher/index.ts';
import { ServerTime } from './server-time.ts';

const HOUR_MS = 3_600_000;

/** A machine whose wall clock anybody may set. */
class Machine {
  wallMs = 1_900_000_000_000;
  uptimeMs = 5_000;
  bootId = 'first';
  readonly store = openSqlcipherStore(':memory:', new Uint8Array(32));
  pass(ms: number): void {
    this.wallMs += ms;
    this.uptimeMs += ms;
  }
  start(): ServerTime {
    const uptime = () => ({ bootId: this.bootId, ms: this.uptimeMs });
    return new ServerTime(
      { now: () => this.wallMs, uptime, after: () => () => undefined },
      this.store.values,
    );
  }
}

test('A8 time runs on with the machine, whatever happens to the wall clock, also across restarts of the program', () => {
  const machine = new Machine();
  const told = machine.wallMs + 7 * HOUR_MS;
  machine.start().ms = 7 * HOUR_MS;
  machine.pass(HOUR_MS);
  machine.wallMs -= 1_000 * HOUR_MS;
  expect(machine.start().now()).toBe(told + HOUR_MS);
  machine.wallMs += 9_000 * HOUR_MS;
  expect(machine.start().now()).toBe(told + HOUR_MS);
});

test('A8 after a restart of the machine a clock that was set back does not take back what was known', () => {
  const machine = new Machine();
  const time = machine.start();
  time.ms = 0;
  machine.pass(3 * HOUR_MS);
  time.keep();
  const known = time.now();
  machine.bootId = 'second';
  machine.uptimeMs = 10;
  machine.wallMs -= 24 * HOUR_MS;
  expect(machine.start().now()).toBe(known);
  machine.wallMs += 25 * HOUR_MS;
  expect(machine.start().now()).toBe(known + HOUR_MS);
});
