/** What is measured on a client with a long past: the transfer of its history to a new device, and search. */
import { performance } from 'node:perf_hooks';
import { fillProfile } from '@kuvert/client-core/filling';
import type { Site } from '@kuvert/testkit';
import type { Row } from '../goals.ts';
import { rounded } from '../measure/statistics.ts';
import { makePeople, pastMessages } from './corpus.ts';
import { measureHistory } from './history.ts';
import { measureSearch } from './search.ts';

const PEOPLE = 60;
const DAY_MS = 86_400_000;

/** Fills a device and measures the parts that were asked for. */
export async function measureClient(
  options: {
    readonly site: Site;
    readonly messages: number;
    /** Opens the container for each query: slower, and the first page of each is asked when nothing is in memory. */
    readonly opensEach: boolean;
    readonly parts: readonly ('history' | 'search')[];
    readonly onProgress: (sentence: string) => void;
  },
  onRow: (row: Row) => void,
): Promise<void> {
  const { site, messages, opensEach, parts, onProgress } = options;
  const server = await site.startServer({
    dataDir: site.at('client-data'),
    keysDir: site.at('client-keys'),
  });
  try {
    const tenant = await server.tenant('Past');
    const phone = await tenant.person('Anna');
    const people = makePeople(PEOPLE);
    const endMs = Date.now() - DAY_MS;
    onProgress(`filling a device with ${messages} messages`);
    const began = performance.now();
    await fillProfile(phone, pastMessages({ count: messages, people, endMs }));
    const seconds = (performance.now() - began) / 1000;
    onRow({ what: 'fill', peer: 'kuvert', round: 1, msgs: messages, seconds: rounded(seconds, 1) });
    if (parts.includes('search')) {
      onProgress('searching');
      const mail = people[0]?.mail ?? '';
      const middleMs = endMs - (messages / 2) * 600_000;
      await measureSearch(phone, { messages, mail, middleMs, opensEach }, onRow);
    }
    if (parts.includes('history')) {
      onProgress('linking a new device and giving it the history');
      await measureHistory({ site, server, phone, messages }, onRow);
    }
  } finally {
    await server.stop();
  }
}
