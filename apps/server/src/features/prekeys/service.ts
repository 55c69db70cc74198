/** The rules of prekeys: who may take how many, and refilling. */
import {
  type AccountRecord,
  type CborValue,
  type DeviceId,
  decodeCbor,
  encodeCbor,
  idToBytes,
  KuvertError,
  type PersonId,
  PREKEY_STOCK,
  type PrekeyBundle,
  type PrekeyCounts,
  type RequestId,
  type TenantId,
} from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import type { Store, TenantScope, Tx } from '../../store/index.ts';
import type { DeviceService } from '../devices/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { prekeyTakes, takeCounters } from './collections.ts';
import type { DevicePrekeys, PartialUpload } from './stock.ts';

/** How long the same request gets the same answer. */
export const TAKE_REPEATABLE_MS = 10 * 60_000;

/** Takes in one window: of one caller from one person, and of all callers from one person. */
export const TAKE_LIMITS = { windowMs: 10 * 60_000, perPair: 30, perTarget: 600 } as const;

/** An enrolled device that calls. */
export interface PrekeyCaller {
  readonly scope: TenantScope;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
}

/** What `prekeys.take` answers. */
export interface TakenPrekeys {
  readonly account: AccountRecord;
  readonly bundles: PrekeyBundle[];
}

/** What the channel may ask of prekeys. */
export interface PrekeyService {
  /**
   * Bundles of all active devices of a person but the caller's own device.
   * @throws KuvertError `not_found`, `no_device`, `rate_limited`, `id_reused` (same request id for another person), `device_not_accepted`
   */
  take(
    caller: PrekeyCaller,
    request: { readonly personId: PersonId; readonly requestId: RequestId },
  ): Promise<TakenPrekeys>;
  /** @throws KuvertError `prekeys_invalid`, `device_not_accepted` */
  upload(caller: PrekeyCaller, upload: PartialUpload): Promise<PrekeyCounts>;
  count(caller: Pick<PrekeyCaller, 'scope' | 'deviceId'>): Promise<PrekeyCounts>;
}

/** @see PrekeyService */
export function createPrekeyService(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly tenants: TenantService;
  readonly people: PeopleService;
  readonly devices: DeviceService;
  readonly stock: DevicePrekeys;
  /** Tells a device, if it is online, what it has left. */
  readonly tellLow: (tenantId: TenantId, deviceId: DeviceId, counts: PrekeyCounts) => void;
  /** A limit of {@link TAKE_LIMITS} was reached. */
  readonly onLimit: () => void;
  /** True when telling would reach somebody; saves the counting otherwise. */
  readonly isOnline: (tenantId: TenantId, deviceId: DeviceId) => boolean;
}): PrekeyService {
  const { store, clock, tenants, people, devices, stock, tellLow, isOnline, onLimit } = deps;
  const inTurn = createTurns();

  /** Counts one take. @throws KuvertError `rate_limited` with the time until the window ends */
  async function countTake(tx: Tx<'tenant'>, caller: DeviceId, target: PersonId): Promise<void> {
    const window = Math.floor(clock.nowMs() / TAKE_LIMITS.windowMs);
    const endsAt = (window + 1) * TAKE_LIMITS.windowMs;
    for (const [who, max] of [
      [idToBytes(caller), TAKE_LIMITS.perPair],
      [ALL_CALLERS, TAKE_LIMITS.perTarget],
    ] as const) {
      const count = (await tx.find(takeCounters, target, who, window))?.value ?? 0;
      if (count >= max) {
        onLimit();
        throw new KuvertError('rate_limited', { retry: { kind: 'after', ms: endsAt - clock.nowMs() } });
      }
      tx.apply(store.ops.put(takeCounters, [target, who, window], count + 1, endsAt));
    }
  }

  async function takeOnce(
    caller: PrekeyCaller,
    request: { readonly personId: PersonId; readonly requestId: RequestId },
  ): Promise<{ answer: TakenPrekeys; fresh: boolean }> {
    const { scope, deviceId } = caller;
    const { personId, requestId } = request;
    const { authority } = await tenants.profile(scope);
    return scope.write(async (tx) => {
      await devices.requireActive(tx, deviceId);
      const nowMs = clock.nowMs();
      const before = await tx.find(prekeyTakes, deviceId, requestId);
      if (before !== undefined && before.expiresAt > nowMs) {
        if (before.personId !== personId) throw new KuvertError('id_reused');
        return { answer: decodeCbor(before.answer) as unknown as TakenPrekeys, fresh: false };
      }
      const found = await devices.readAccount(tx, personId);
      if (found === undefined) {
        throw new KuvertError((await people.exists(scope, personId)) ? 'no_device' : 'not_found');
      }
      const others = found.active.filter((device) => device !== deviceId);
      // To oneself there may be nothing to send, which is no reason to wait for a device.
      if (others.length === 0 && personId !== caller.personId) throw new KuvertError('no_device');
      await countTake(tx, deviceId, personId);
      const bundles: PrekeyBundle[] = [];
      for (const device of others) bundles.push(await stock.take(tx, device, nowMs));
      const answer: TakenPrekeys = { account: { ...found.account, authority }, bundles };
      tx.put(prekeyTakes, {
        callerDevice: deviceId,
        requestId,
        personId,
        answer: encodeCbor(answer as unknown as CborValue),
        expiresAt: nowMs + TAKE_REPEATABLE_MS,
      });
      return { answer, fresh: true };
    });
  }

  async function tellIfLow(scope: TenantScope, deviceId: DeviceId): Promise<void> {
    if (!isOnline(scope.tenant, deviceId)) return;
    const counts = await stock.count(scope, deviceId);
    if (counts.ec < PREKEY_STOCK.refillBelowEc || counts.kyber < PREKEY_STOCK.refillBelowKyber) {
      tellLow(scope.tenant, deviceId, counts);
    }
  }

  return {
    async take(caller, request) {
      // Takes of one person want the same rows: one after the other they succeed, all at once most would run again and again.
      const { answer, fresh } = await inTurn(caller.scope.tenant + request.personId, () =>
        takeOnce(caller, request),
      );
      if (fresh) await Promise.all(answer.bundles.map((bundle) => tellIfLow(caller.scope, bundle.device)));
      return answer;
    },

    async upload({ scope, deviceId, personId }, upload) {
      const { counts, isFirst } = await scope.write(async (tx) => {
        const { identityKey } = await devices.requireActive(tx, deviceId);
        stock.verify(identityKey, upload);
        if (await stock.has(tx, deviceId)) {
          return { counts: await stock.refill(tx, deviceId, upload), isFirst: false };
        }
        const { signed, lastResort, oneTime = [], kyber = [] } = upload;
        if (signed === undefined || lastResort === undefined) throw new KuvertError('prekeys_invalid');
        stock.store(tx, deviceId, { signed, lastResort, oneTime, kyber });
        await devices.markReady(tx, deviceId);
        return { counts: { ec: oneTime.length, kyber: kyber.length }, isFirst: true };
      });
      if (isFirst) await devices.announce(scope, personId);
      return counts;
    },

    count: ({ scope, deviceId }) => stock.count(scope, deviceId),
  };
}

const ALL_CALLERS = new Uint8Array(17);

/** Lets callers with the same key run one after the other. Only saves work: correctness is the transaction's. */
function createTurns(): <T>(key: string, run: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (key, run) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(run, run);
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}
