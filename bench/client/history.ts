/**
 * The history of a person on its way to a new device (A4, N9): an old device with a long past, a server and a new device, each a process of
 * its own on the cores of this machine. Measured from the moment at which both devices run until everything is there; then once more
 * with both devices killed on the way. What has arrived is compared with what was there.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Profile } from '@kuvert/client-core/node';
import type { Child, ServerProcess, Site, TestPerson } from '@kuvert/testkit';
import type { Row } from '../goals.ts';
import { cpuSecondsOf } from '../measure/process-usage.ts';
import { rounded } from '../measure/statistics.ts';
import type { DeviceProgress } from './device.ts';

const DEVICE = fileURLToPath(new URL('device.ts', import.meta.url));
const PAGE = 1_000;

/** What is measured on. */
export interface HistoryPlaces {
  readonly site: Site;
  readonly server: ServerProcess;
  /** A device with a past. */
  readonly phone: TestPerson;
  readonly messages: number;
}

/** Transfers the history to a new device without and with cuts. */
export async function measureHistory(places: HistoryPlaces, onRow: (row: Row) => void): Promise<void> {
  const before = await places.phone.with(digestOf);
  for (const cuts of [0, 2]) {
    const { figures, laptop } = await transfer(places, cuts);
    const after = await laptop.with(digestOf);
    const isSame = after.digest === before.digest;
    onRow({
      what: 'history',
      peer: 'kuvert',
      round: 1,
      msgs: places.messages,
      cuts,
      ...figures,
      lost: isSame ? 0 : Math.max(1, before.count - after.count),
      twice: Math.max(0, after.count - before.count),
    });
  }
}

async function transfer({ site, server, phone, messages }: HistoryPlaces, cuts: number) {
  const laptop = await phone.linkDevice();
  const start = (person: TestPerson): Child =>
    site.children.start(process.execPath, [DEVICE, person.profileDir, person.secretFile], {
      keepsInputOpen: true,
    });
  const serverCpu = cpuSecondsOf([server.pid]);
  let [source, target] = [start(phone), start(laptop)];
  const began = performance.now();
  let cpu = { source: 0, target: 0 };
  let firstMs = Number.NaN;
  const cutsAt = Array.from({ length: cuts }, (_, i) => ((i + 1) / (cuts + 1)) * messages);
  for (;;) {
    const progress = JSON.parse(await target.nextLine()) as DeviceProgress;
    if (progress.messages > 0 && Number.isNaN(firstMs)) firstMs = performance.now() - began;
    cpu = { source: cpuSecondsOf([source.pid]), target: cpuSecondsOf([target.pid]) };
    if (progress.isComplete) break;
    if (progress.messages < (cutsAt[0] ?? Number.POSITIVE_INFINITY)) continue;
    // First the device that gives, then the one that takes: neither has a chance to say goodbye.
    const isSource = cutsAt.length % 2 === 0;
    cutsAt.shift();
    const cut = isSource ? source : target;
    cut.kill('SIGKILL');
    await cut.ended;
    if (isSource) source = start(phone);
    else target = start(laptop);
  }
  const seconds = (performance.now() - began) / 1000;
  for (const child of [source, target]) {
    child.process.stdin?.end();
    const { code } = await child.ended;
    if (code !== 0) throw new Error(`a device ended with ${code}:\n${child.stderr}`);
  }
  return {
    laptop,
    figures: {
      seconds: rounded(seconds, 2),
      first_ms: Math.round(firstMs),
      per_s: Math.round(messages / seconds),
      source_cpu_s: rounded(cpu.source, 2),
      target_cpu_s: rounded(cpu.target, 2),
      srv_cpu_s: rounded(cpuSecondsOf([server.pid]) - serverCpu, 2),
    },
  };
}

/** All messages of a profile as one number, in the order in which they are shown. */
function digestOf({ conversations }: Profile): { count: number; digest: string } {
  const hash = createHash('sha256');
  let count = 0;
  const ids = conversations.list().map(({ conversationId }) => conversationId);
  for (const conversationId of ids.toSorted()) {
    let page = conversations.entries(conversationId, { limit: PAGE });
    for (;;) {
      for (const entry of page.entries.toReversed()) {
        if (entry.direction === 'system') continue;
        count++;
        hash.update(`${entry.messageId} ${entry.direction} ${entry.atMs} ${entry.text}\n`);
      }
      if (page.older === undefined) break;
      page = conversations.entries(conversationId, { limit: PAGE, before: page.older });
    }
  }
  return { count, digest: hash.digest('hex') };
}
