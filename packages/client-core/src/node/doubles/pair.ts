import { ManualClock } from './manual-clock.ts';
import { ServerDouble } from './server-double.ts';
import { TestDevice } from './test-device.ts';

/** Anna and Bela with a device each, at a server that knows them both. */
export async function pair() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const bela = await TestDevice.enrol(server, clock, 'Bela');
  return { clock, server, anna, bela };
}
