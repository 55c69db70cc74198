/**
 * Names of one's own devices, such as “Laptop”. Only one's own devices know them: each tells the others when it is named, and tells its own
 * name to a device that has newly come. The latest name holds.
 */
import { type DeviceId, deviceName, KuvertError, READER_VERSION } from '@kuvert/protocol';
import type { Context } from './context.ts';
import { loadRecord, saveRecord } from './own-device.ts';
import { queueForOwnDevices } from './own-lane.ts';

interface Named {
  readonly name: string;
  readonly atMs: number;
}

const nameKey = (device: DeviceId): string => `device-name/${device}`;

/** The name of a device of one's own, if it has one. */
export function nameOf({ store }: Pick<Context, 'store'>, device: DeviceId): string | undefined {
  return loadRecord<Named>(store.values, nameKey(device))?.name;
}

/** Names a device here and on all others of one's own. @throws KuvertError `bad_request` for a name that is none */
export function nameDevice(context: Context, device: DeviceId, wanted: string): void {
  const parsed = deviceName.safeParse(wanted);
  if (!parsed.success) throw new KuvertError('bad_request', { details: { field: 'name' } });
  const { store, clock, serverOffset } = context;
  const before = loadRecord<Named>(store.values, nameKey(device));
  const atMs = Math.max(clock.now() + serverOffset.ms, (before?.atMs ?? 0) + 1);
  store.transaction(() => {
    saveRecord(store.values, nameKey(device), { name: parsed.data, atMs });
    tellName(context, device);
  });
}

/** Tells a name that is known here to the others. */
export function tellName(context: Context, device: DeviceId): void {
  const named = loadRecord<Named>(context.store.values, nameKey(device));
  if (named === undefined) return;
  queueForOwnDevices(context, {
    content: { kind: 'device-name', minReader: READER_VERSION, device, ...named },
  });
}

/** Takes a name that another device of one's own has told. */
export function takeName({ store }: Context, told: Named & { readonly device: DeviceId }): void {
  const { device, name, atMs } = told;
  const before = loadRecord<Named>(store.values, nameKey(device));
  if (before === undefined || atMs > before.atMs || (atMs === before.atMs && name > before.name)) {
    saveRecord(store.values, nameKey(device), { name, atMs });
  }
}
