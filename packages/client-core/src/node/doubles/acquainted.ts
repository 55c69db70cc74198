/** Two people who have written to each other and read it: where most tests of two devices begin. */
import { ManualClock } from './manual-clock.ts';
import { ServerDouble } from './server-double.ts';
import { TestDevice } from './test-device.ts';

/** Anna and Bela on one server; `round` lets both connect and settle, so often. */
export async function acquaintedPair() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const bela = await TestDevice.enrol(server, clock, 'Bela');
  const round = async (count = 1) => {
    for (let n = 0; n < count; n++) for (const device of [anna, bela]) await device.sync();
  };
  await anna.write(bela, 'hello');
  await round();
  await bela.write(anna, 'hello to you');
  await round(2);
  for (const device of [anna, bela]) device.messenger.markPrinted(device.messenger.inbox(10));
  return { clock, server, anna, bela, round };
}
