/**
 * What features see of a device's connection (design.md §6). A connection is a hint, never a promise: it may end at any
 * moment, and what was sent but not acknowledged comes again on the next one.
 */
import type { SealedAhead } from '@kuvert/crypto/channel';
import type { DeviceId, ErrorCode, EventData, EventName, PersonId, TenantId } from '@kuvert/protocol';

/** One device's live connection, after its hello was accepted. */
export interface Connection {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
  /**
   * Adds a record (type byte included, at most 1 MiB) to what leaves at the end of this tick: all records of a tick are sealed
   * and written together. Does nothing once the connection is closed.
   */
  sendRecord(record: Uint8Array): void;
  /**
   * Seals a record for {@link Connection.sendAhead} while it is not certain yet that it may be sent (docs/decisions/0016). Its bytes may change afterwards.
   * @returns undefined when something else goes before it, it is too long, or the connection is closed
   */
  sealAhead(record: Uint8Array): SealedAhead | undefined;
  /** Sends such a record at once. @returns false, and nothing has happened, when something else was sent or is to be sent before it */
  sendAhead(sealed: SealedAhead): boolean;
  /** Adds an event; its data has the shape of `EVENTS`. Does nothing once the connection is closed. */
  sendEvent<N extends EventName>(name: N, data: EventData<N>): void;
  /**
   * How many bytes may be sent before the peer has to read. At 0 or below stop sending and go on in `onWritable`: the rest waits
   * in the store, not in memory.
   */
  readonly writableBytes: number;
  readonly closed: boolean;
  /** Ends the connection after what was already sent; the code travels in a `closing` event. May be called twice. */
  close(code: ErrorCode): void;
  /** Called once when the connection has ended, at once if it has already. */
  onClose(callback: () => void): void;
  /** Called whenever there is room again after `writableBytes` had been 0 or below. Every callback stays registered. */
  onWritable(callback: () => void): void;
}

/** The live connections of this process, one per device. */
export interface Connections {
  /** The device's connection after its welcome, if there is one. */
  find(tenantId: TenantId, deviceId: DeviceId): Connection | undefined;
  /** Ends the device's connection, if there is one, also one whose hello is just being checked. */
  closeDevice(tenantId: TenantId, deviceId: DeviceId, code: ErrorCode): void;
  /** The same for all devices of a tenant. */
  closeTenant(tenantId: TenantId, code: ErrorCode): void;
}
