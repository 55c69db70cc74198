/** What the messenger needs of the world: time, randomness and a connection. The store is in `store.ts`. */
import type {
  Delivery,
  DeviceId,
  EventData,
  EventName,
  KuvertError,
  LegOutcome,
  MethodName,
  Methods,
  Submit,
} from '@kuvert/protocol';

/** Time as an argument, so that tests move it. */
export interface Clock {
  /** Wall clock, Unix milliseconds. */
  now(): number;
  /**
   * Whole milliseconds that this run of the machine has lasted, sleep included, and what tells it from other runs. Left out where the
   * platform has none.
   */
  uptime?(): { readonly bootId: string; readonly ms: number };
  /** Calls `fire` once after `delayMs` of monotonic time; the returned function cancels. */
  after(delayMs: number, fire: () => void): () => void;
}

/** Cryptographically secure random bytes. */
export type Random = (count: number) => Uint8Array<ArrayBuffer>;

/** Params of a method as the caller gives them. */
export type MethodParams<N extends MethodName> = Methods[N]['params']['_zod']['input'];
/** Result of a method after its schema was checked. */
export type MethodResult<N extends MethodName> = Methods[N]['result']['_zod']['output'];

/** The server has stored a submit. */
export interface Accepted {
  readonly acceptedAtMs: number;
  readonly legs: readonly { readonly device: DeviceId; readonly outcome: LegOutcome }[];
}

/** An authenticated connection to the server. Every promise rejects with the reason when it ends. */
export interface Connection {
  /** @throws KuvertError what the server answered, or why the connection ended */
  request<N extends MethodName>(method: N, params: MethodParams<N>): Promise<MethodResult<N>>;
  /** Many may be under way at once; the server begins them in order. @throws KuvertError as {@link Connection.request} */
  submit(submit: Omit<Submit, 'requestNo'>): Promise<Accepted>;
  /** Acknowledges all deliveries of this connection up to this number. */
  ack(upTo: number): void;
  /** Sends what waits, then closes. */
  close(): void;
}

/** What a connection tells its user, in the order in which it came. */
export interface ConnectionEvents {
  onDelivery(delivery: Delivery): void;
  onEvent<N extends EventName>(name: N, data: EventData<N>): void;
  /** Called once. `server_unreachable` for a connection that was lost, else the reason that the server gave. */
  onClose(reason: KuvertError): void;
}

/** Opens a connection as this profile's device. */
export type Connect = (stateCounter: number, events: ConnectionEvents) => Promise<Connection>;
