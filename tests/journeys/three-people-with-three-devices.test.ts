/**
 * Three people with three devices each, one that may sign and two that were linked, every device a process of its own, write to each other
 * all at once through a network that cuts, halves, slows, delays and reorders, while devices are killed. In the end every device has everything
 * once and in order, and the devices of each person agree: messages, what is read, ticks, safety numbers (A4 P1 P2 P3 P4).
 */
import { mkdirSync } from 'node:fs';
import { checkLedger, makeTenant, Site, TestTenant, takeChances } from '@kuvert/testkit';
import {
  Dice,
  mergeNotebooks,
  Network,
  Notebook,
  type Partition,
  pause,
  type Standing,
  TalkingPerson,
} from '@kuvert/testkit/faults';
import { afterAll, beforeAll, expect, test } from 'vitest';

const NAMES = ['Anna', 'Ben', 'Cem'] as const;
const FAULTS: readonly (Partition | 'kill')[] = [
  ...(['cut', 'kill', 'half-open', 'slow', 'kill', 'reordered', 'late', 'kill', 'unreachable'] as const),
  ...(['cut', 'half-open', 'kill', 'late', 'reordered'] as const),
];
const SETTLE_MS = 120_000;

let site: Site;
let network: Network;
beforeAll(async () => {
  site = new Site();
  network = new Network(NAMES.length, new Dice('one server'));
  await network.start();
});
afterAll(async () => {
  await site.children[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

test('A4 P1 P2 P3 P4 three people with three devices each are in step after cuts, half-open, slow, late and reordered connections and kills', {
  timeout: 900_000,
}, async () => {
  const { seed } = takeChances();
  const dice = new Dice(`three by three ${seed}`);
  const server = await site.startServer();
  network.forwardTo(Number(new URL(server.url).port));
  mkdirSync(site.at('notebooks'));
  const home = new Notebook(site.at('notebooks', 'home'));
  const place = { url: server.url, operator: server.operator, folder: site.at('people') };
  const { tenantId } = await makeTenant(place, 'Acme');
  const devices: TalkingPerson[] = [];
  for (const [number, name] of NAMES.entries()) {
    const tenant = new TestTenant({ ...place, url: network.urlFor(number) }, { tenantId, name: 'Acme' });
    const phone = await tenant.person(name);
    const all = [phone, await phone.addDevice(), await phone.addDevice()];
    for (const person of all) {
      const { personId, deviceId: device } = person;
      home.record({ kind: 'enrolled', tenant: tenantId, person: personId, device });
      devices.push(
        new TalkingPerson({
          person,
          notebook: site.at('notebooks', device),
          clockFile: site.at(`clock-${device}`),
          children: site.children,
          seed,
          environment: site.environment(),
        }),
      );
    }
  }
  for (const device of devices) device.meet(devices);
  for (const device of devices) device.start();
  await Promise.all(devices.map((device) => device.ready()));

  const underWay: Promise<void>[] = [];
  for (const [nth, how] of FAULTS.entries()) {
    await pause(dice.below(400));
    if (how === 'kill') {
      const victim = dice.pick(devices);
      await victim.kill();
      victim.start();
      await victim.ready();
      continue;
    }
    const times = { afterMs: 0, forMs: 100 + dice.below(900), bytes: dice.below(3_000) };
    underWay.push(network.part({ kind: 'partition', how, everybody: nth % 3 === 0, ...times }, dice));
  }
  await Promise.all(underWay);
  await network.heal();

  for (const device of devices) device.beQuiet();
  let standings: Standing[] = [];
  const deadline = performance.now() + SETTLE_MS;
  for (let calm = 0; calm < 2 && performance.now() < deadline; ) {
    // Connections from before may be half dead.
    if (calm === 0) for (const connection of network.connections) connection.reset();
    standings = await Promise.all(devices.map((device) => device.flush()));
    const isCalm = standings.every((one) => one.error === undefined && one.waiting + one.unread === 0);
    calm = isCalm ? calm + 1 : 0;
  }
  for (const device of devices) await device.show();
  for (const device of devices) await device.leave();
  const names = devices.map(({ person }) => person.deviceId);
  home.record({ kind: 'settled', drained: names, flushed: names });
  home.close();

  const ledger = mergeNotebooks(['home', ...names].map((name) => site.at('notebooks', name)));
  const count = (kind: string) => ledger.filter((event) => event.kind === kind).length;
  console.info(JSON.stringify({ seed, accepted: count('accepted'), displayed: count('displayed') }));
  const left = standings.map(({ error, waiting, unread, surprises }) => ({
    error,
    waiting,
    unread,
    surprises,
  }));
  expect(left, seed).toEqual(left.map(() => ({ error: undefined, waiting: 0, unread: 0, surprises: [] })));
  const alarms = standings.flatMap(({ notices }) => notices.map(({ kind }) => kind));
  expect(alarms.filter((kind) => kind !== 'device_linked' && kind !== 'person_device_added')).toEqual([]);
  const findings = checkLedger(ledger);
  expect(findings.slice(0, 5), `KUVERT_SEED=${seed}, ${findings.length} findings`).toEqual([]);
  expect(count('standing')).toBe(devices.length);
  for (const name of names) {
    expect(ledger.some((event) => event.kind === 'displayed' && event.device === name)).toBe(true);
    expect(ledger.some((event) => event.kind === 'accepted' && event.from === name)).toBe(true);
  }
});
