/** A load process: takes one job from its parent, runs it, answers, ends. Whatever goes wrong ends it with a sentence. */
import type { Job, JobResult, Scenario } from './job.ts';
import { kuvertNetwork } from './kuvert-network.ts';
import type { Network } from './network.ts';
import { fanout } from './scenarios/fanout.ts';
import { idle } from './scenarios/idle.ts';
import { offline } from './scenarios/offline.ts';
import { online } from './scenarios/online.ts';
import { xmppNetwork } from './xmpp-network.ts';

// Without its parent nobody wants to know any more.
process.on('disconnect', () => process.exit(1));
process.once('message', (job: Job) => {
  void run(job).then((result) => process.send?.(result, () => process.exit(0)));
});

async function run({ address, scenario }: Job): Promise<JobResult> {
  const network = address.kind === 'kuvert' ? kuvertNetwork(address) : xmppNetwork(address);
  const { figures, window } = await measure(network, scenario, address.pids);
  return { figures: { ...figures, refused: network.refused }, window };
}

function measure(network: Network, scenario: Scenario, pids: readonly number[]): Promise<JobResult> {
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
