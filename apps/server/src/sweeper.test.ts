import { makeId, type TenantId } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { createLog } from './log.ts';
import { createServerMetrics } from './metrics/server-metrics.ts';
import { Sweeper } from './sweeper.ts';

const tenant = (byte: number): TenantId => makeId('tenant', new Uint8Array(16).fill(byte));

test('F1 a pass sweeps every tenant to its end, and one that fails holds up no other', async () => {
  const rows = new Map([
    [tenant(1), 450],
    [tenant(2), 0],
    [tenant(3), 10],
  ]);
  const logged: string[] = [];
  const resumed: TenantId[] = [];
  const sweeper = new Sweeper({
    tenants: async () => [...rows.keys()],
    once: async (tenantId) => {
      resumed.push(tenantId);
    },
    sweeps: [
      async (tenantId, limit) => {
        if (tenantId === tenant(2)) throw new Error('the secret word');
        const left = rows.get(tenantId) ?? 0;
        const removed = Math.min(left, limit);
        rows.set(tenantId, left - removed);
        return removed;
      },
    ],
    log: createLog({ level: 'info', write: (line) => logged.push(line) }),
    metrics: createServerMetrics(),
  });
  await sweeper.pass();
  await sweeper.pass();
  expect([...rows.values()]).toEqual([0, 0, 0]);
  expect(resumed).toEqual([tenant(1), tenant(2), tenant(3)]);
  expect(logged).toHaveLength(2);
  expect(logged.join('')).not.toContain('secret word');
  await sweeper.stop();
});

test('H2 a sweep that is stopped ends after its step', async () => {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let steps = 0;
  const sweeper = new Sweeper({
    tenants: async () => [tenant(1), tenant(2)],
    once: async () => undefined,
    sweeps: [
      async (_tenantId, limit) => {
        steps++;
        begun.resolve();
        await gate.promise;
        return limit;
      },
    ],
    log: createLog({ level: 'silent' }),
    metrics: createServerMetrics(),
  });
  sweeper.start();
  await begun.promise;
  const stopped = sweeper.stop();
  gate.resolve();
  await stopped;
  expect(steps).toBe(1);
});
