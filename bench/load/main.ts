/** A load process: takes a job from its parent, runs as many turns of it as it is told to, tells what they came to, ends. Whatever goes wrong ends it with a sentence. */
import type { Job, Order, Running, Scenario } from './job.ts';
import { kuvertNetwork } from './kuvert-network.ts';
import type { Network } from './network.ts';
import { fanout } from './scenarios/fanout.ts';
import { idle } from './scenarios/idle.ts';
import { offline } from './scenarios/offline.ts';
import { online } from './scenarios/online.ts';
import { xmppNetwork } from './xmpp-network.ts';

// Without its parent nobody wants to know any more.
process.on('disconnect', () => process.exit(1));
process.once('message', async ({ address, scenario }: Job) => {
  const network = address.kind === 'kuvert' ? kuvertNetwork(address) : xmppNetwork(address);
  const running = await start(network, scenario, address.pids);
  process.on('message', (order: Order) => void follow(order, network, running));
  process.send?.('ready');
});

async function follow(order: Order, network: Network, running: Running): Promise<void> {
  if (order === 'turn') {
    await running.turn();
    process.send?.('done');
    return;
  }
  const { figures, window } = await running.finish();
  process.send?.({ figures: { ...figures, refused: network.refused }, window }, () => process.exit(0));
}

function start(network: Network, scenario: Scenario, pids: readonly number[]): Promise<Running> {
  switch (scenario.what) {
    case 'online':
    case 'tenants':
      return online(network, scenario, pids);
    case 'offline':
      return offline(network, scenario, pids);
    case 'fanout':
    case 'group':
      return fanout(network, scenario, pids);
    case 'idle':
      return idle(network, scenario, pids);
  }
}
