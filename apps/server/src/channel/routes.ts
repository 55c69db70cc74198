/**
 * How features answer on the device channel. A feature's `routes.device.ts` gives a handler per method of the table `METHODS`; the
 * dispatch has parsed the params and checks and encodes the result. A refusal is a thrown `KuvertError`.
 *
 *     export const peopleRoutes = (people: PeopleService) =>
 *       defineDeviceRoutes({
 *         'people.get': async (caller, { personId }) => ({ person: await people.get(caller.scope, personId) }),
 *       });
 */
import {
  type DeviceId,
  type ErrorCode,
  METHODS,
  type MethodName,
  type Methods,
  type PersonId,
  type PrekeyCounts,
  type Submit,
  type SubmitAnswer,
  type TenantId,
} from '@kuvert/protocol';
import type { z } from 'zod';
import type { TenantScope } from '../store/index.ts';
import type { Connection } from './connection.ts';

/** Who calls a method of access `device`: an enrolled device that has proven its key. */
export interface DeviceCaller {
  /** The caller's tenant; the only scope a handler needs. */
  readonly scope: TenantScope;
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
  readonly connection: Connection;
}

/** Who calls a method of access `enrolment`: somebody who knows the server's key; the token in the params says the rest. */
export interface EnrolmentCaller {
  /** Network address as the server sees it (behind a proxy: the proxy's), for limits only; never stored or logged. */
  readonly address: string;
}

type NamesOf<A extends 'device' | 'enrolment'> = {
  [N in MethodName]: Methods[N]['access'] extends A ? N : never;
}[MethodName];

/** Names of the methods that an enrolled device may call. */
export type DeviceMethodName = NamesOf<'device'>;
/** Names of the methods that may be called with a token. */
export type EnrolmentMethodName = NamesOf<'enrolment'>;

/** Answers one method. Params are parsed (defaults filled in); the result is checked against its schema, further fields are dropped. */
export type Handler<N extends MethodName, C> = (
  caller: C,
  params: z.output<Methods[N]['params']>,
) => Promise<z.input<Methods[N]['result']>>;

/** Handlers for some of the methods of access `device`. */
export type DeviceRoutes = { readonly [N in DeviceMethodName]?: Handler<N, DeviceCaller> };
/** Handlers for some of the methods of access `enrolment`. */
export type EnrolmentRoutes = { readonly [N in EnrolmentMethodName]?: Handler<N, EnrolmentCaller> };

/** Declares a feature's handlers for devices; only keeps the types narrow. */
export function defineDeviceRoutes<R extends DeviceRoutes>(routes: R): R {
  return routes;
}

/** Declares a feature's handlers for enrolment; only keeps the types narrow. */
export function defineEnrolmentRoutes<R extends EnrolmentRoutes>(routes: R): R {
  return routes;
}

/** What became of an accepted submit: the answer without its request number, which the channel adds. */
export type Accepted = Omit<Extract<SubmitAnswer, { acceptedAtMs: number }>, 'requestNo'>;

/** What the mailbox feature does with the records of fixed layout. */
export interface MailboxRoutes {
  /**
   * A submit, and the record that it was read from, if it was read from one. The answer is sent when the promise resolves, so it resolves after the commit; a `KuvertError` becomes a refusal
   * with its code, retry rule and details. Throws nothing itself.
   */
  onSubmit(connection: Connection, submit: Submit, record?: Uint8Array): Promise<Accepted>;
  /** A cumulative acknowledgement up to a delivery number of this connection. A `KuvertError` ends the connection. */
  onAck(connection: Connection, upTo: number): void;
  /** The connection is ready: the welcome stands before whatever is sent from here on. Begins the delivery. */
  onReady(connection: Connection): void | Promise<void>;
}

/** What the channel asks of features while a device connects. */
export interface DeviceDoor {
  /**
   * The listed, not revoked device and its Noise static key (32 bytes); undefined for an unknown tenant, an unknown device
   * and a revoked one alike.
   */
  findForChannel(
    tenantId: TenantId,
    deviceId: DeviceId,
  ): Promise<
    | {
        readonly personId: PersonId;
        readonly noiseStatic: Uint8Array;
        /** Why it is refused all the same; told to whoever has its key. */
        readonly refusal?: ErrorCode | undefined;
      }
    | undefined
  >;
  /** The state counter with which a device connected last; undefined where there is none. */
  lastState(tenantId: TenantId, deviceId: DeviceId): Promise<number | undefined>;
  /**
   * Notes the state counter of the device's container; `known` is what {@link DeviceDoor.lastState} gave. @returns true when it is lower than
   * before: the container was restored or copied, and the device's one-time keys were made void
   */
  noteState(
    identity: Omit<DeviceCaller, 'connection'>,
    counters: { readonly known: number | undefined; readonly now: number },
  ): Promise<boolean>;
  /** One-time keys that the device has left, for its welcome; none for an unknown tenant or device. Asked before it is known which one it is. */
  countPrekeys(tenantId: TenantId, deviceId: DeviceId): Promise<PrekeyCounts>;
  /** What tells a device in its welcome whether it has missed a change of its person's devices. */
  deviceSet(caller: Omit<DeviceCaller, 'connection'>): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** A handler as the dispatch calls it, after the check that its method's access is the caller's. */
export interface RouteTable {
  readonly device: ReadonlyMap<string, Handler<DeviceMethodName, DeviceCaller>>;
  readonly enrolment: ReadonlyMap<string, Handler<EnrolmentMethodName, EnrolmentCaller>>;
}

/**
 * Joins the features' handlers into one table.
 * @throws Error when a method of `METHODS` has no handler or more than one: a fault of ours, found at start
 */
export function joinRoutes(parts: {
  readonly device: readonly DeviceRoutes[];
  readonly enrolment: readonly EnrolmentRoutes[];
}): RouteTable {
  const table = { device: new Map<string, unknown>(), enrolment: new Map<string, unknown>() };
  for (const access of ['device', 'enrolment'] as const) {
    for (const routes of parts[access]) {
      for (const [name, handler] of Object.entries(routes)) {
        if (!Object.hasOwn(METHODS, name) || METHODS[name as MethodName].access !== access) {
          throw new Error(`${name} is not a method of access ${access}`);
        }
        if (table[access].has(name)) throw new Error(`${name} has two handlers`);
        table[access].set(name, handler);
      }
    }
  }
  for (const { name, access } of Object.values(METHODS)) {
    if (!table[access].has(name)) throw new Error(`${name} has no handler`);
  }
  return table as unknown as RouteTable;
}
