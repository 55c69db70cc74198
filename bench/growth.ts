/**
 * How the data of an installation grow while days pass: the server on real sockets, in this process and with a clock that moves when it is told
 * to. Every day somebody writes to a person who comes once a day and to one who never comes again; then a day passes and the
 * server sweeps. What must lie there is known: a record of each submit for seven days, a row of each message that nobody fetched for thirty.
 */
import { startInstallation, TemporaryFolder, TestClock } from '@kuvert/testkit';
import type { Row } from './goals.ts';
import { kuvertNetwork } from './load/kuvert-network.ts';
import { databaseBytesIn } from './measure/disk-usage.ts';
import { writeAccounts } from './seed/accounts.ts';
import { enrolDevices } from './seed/enrol-devices.ts';
import { LEG_BYTES } from './wire/layout.ts';

const DAY_MS = 86_400_000;
const KIB = 1024;
const [SENDER, DAILY, ABSENT] = [0, 1, 2];
/** Messages of one day. */
const TO_DAILY = 900;
const TO_ABSENT = 100;
/** Messages in flight. */
const CHUNK = 100;
/** How long is kept what has to be, in days, and how many bytes that are: key and value. */
const RECORD = { days: 7, bytes: 18 + 41 };
const WAITING = { days: 30, bytes: 33 + 24 + LEG_BYTES };

/** Lets days pass and tells of each. */
export async function simulateGrowth(days: number, onDay: (row: Row) => void): Promise<void> {
  using folder = new TemporaryFolder();
  const clock = new TestClock(Date.now());
  await using installation = await startInstallation({ clock });
  const { server } = installation;
  const { accounts, serverStatic } = await enrolDevices(
    { url: installation.url, operator: installation.operator },
    [{ devices: 3, stocked: 0 }],
  );
  const accountsFile = folder.at('accounts.json');
  writeAccounts(accountsFile, accounts);
  const network = kuvertNetwork(
    {
      kind: 'kuvert',
      port: Number(new URL(installation.url).port),
      pids: [],
      accountsFile,
      channel: 'noise',
      serverStatic,
    },
    () => clock.nowMs(),
  );
  await server.context.sweeper.pass();
  const emptyBytes = databaseBytesIn(server.dataFolder);
  for (let day = 1; day <= days; day++) {
    const arrived = await liveOneDay(network);
    if (arrived !== TO_DAILY) throw new Error(`${TO_DAILY - arrived} messages of day ${day} did not arrive`);
    clock.advance(DAY_MS);
    await server.context.sweeper.pass();
    const records = Math.min(day, RECORD.days) * (TO_DAILY + TO_ABSENT);
    const waiting = Math.min(day, WAITING.days) * TO_ABSENT;
    onDay({
      what: 'growth',
      peer: 'kuvert',
      round: 1,
      day,
      messages: day * (TO_DAILY + TO_ABSENT),
      disk_kib: Math.round((databaseBytesIn(server.dataFolder) - emptyBytes) / KIB),
      retained_kib: Math.round((records * RECORD.bytes + waiting * WAITING.bytes) / KIB),
    });
  }
}

/** @returns how many messages arrived at the person who comes every day */
async function liveOneDay(network: ReturnType<typeof kuvertNetwork>): Promise<number> {
  const sender = await network.connect(SENDER, () => undefined);
  for (let sent = 0; sent < TO_DAILY + TO_ABSENT; sent += CHUNK) {
    for (let i = sent; i < sent + CHUNK; i++) sender.send(i < TO_DAILY ? DAILY : ABSENT, i);
    await sender.settled();
  }
  await sender.close();
  const tags = new Set<number>();
  const daily = await network.connect(DAILY, (tag) => tags.add(tag));
  await daily.close();
  return tags.size;
}
