/** Acts out one partition on the proxy. Each ends after its time; what it has broken by then stays broken. */
import { once } from 'node:events';
import type { Dice, Fault } from './plan.ts';
import type { ProxiedConnection, TcpProxy } from './tcp-proxy.ts';

type PartitionFault = Extract<Fault, { kind: 'partition' }>;

/** Resolves after some time. */
export async function pause(ms: number): Promise<void> {
  if (ms > 0) await once(AbortSignal.timeout(Math.round(ms)), 'abort');
}

/** Disturbs one connection or all of them. */
export async function partition(options: {
  readonly proxies: readonly TcpProxy[];
  readonly fault: PartitionFault;
  readonly dice: Dice;
}): Promise<void> {
  const { proxies, fault, dice } = options;
  const all = proxies.flatMap((proxy) => [...proxy.connections]).filter(({ client }) => !client.destroyed);
  const affected = fault.everybody || all.length === 0 ? all : [dice.pick(all)];
  if (fault.how === 'unreachable') {
    for (const proxy of proxies) proxy.isReachable = false;
    for (const connection of affected) connection.reset();
    await pause(fault.forMs);
    for (const proxy of proxies) proxy.isReachable = true;
    return;
  }
  await Promise.all(affected.map((connection, index) => disturb(connection, fault, index)));
}

async function disturb(connection: ProxiedConnection, fault: PartitionFault, index: number): Promise<void> {
  const { up, down, client, server } = connection;
  const { forMs, bytes } = fault;
  switch (fault.how) {
    case 'cut': {
      const way = (bytes + index) % 2 === 0 ? up : down;
      way.limit(bytes, () => connection.reset());
      await pause(forMs);
      return;
    }
    case 'half-open':
      connection.keepsOtherSide = true;
      up.mode = 'dropped';
      client.destroy();
      await pause(forMs);
      server.destroy();
      return;
    case 'late':
      connection.keepsOtherSide = true;
      up.mode = 'held';
      await pause(forMs / 3);
      client.resetAndDestroy();
      await pause((2 * forMs) / 3);
      up.heal();
      await pause(20);
      server.destroy();
      return;
    case 'blackhole':
      up.mode = 'held';
      down.mode = 'held';
      await pause(forMs);
      connection.heal();
      return;
    case 'one-way': {
      const way = bytes % 2 === 0 ? up : down;
      way.mode = 'held';
      await pause(forMs);
      // Either what was held goes on, or the connection ends and it is gone.
      if (bytes % 4 < 2) way.heal();
      else connection.reset();
      return;
    }
    case 'slow':
      up.mode = 'trickling';
      down.mode = 'trickling';
      await pause(forMs);
      connection.heal();
      return;
    case 'reordered':
      up.delayMs = (index * 37 + bytes) % 90;
      down.delayMs = (index * 53 + bytes) % 70;
      await pause(forMs);
      connection.heal();
      return;
    case 'flipped':
      (bytes % 2 === 0 ? up : down).flipAfter(bytes % 700);
      await pause(forMs);
      return;
    case 'unreachable':
      return;
  }
}
