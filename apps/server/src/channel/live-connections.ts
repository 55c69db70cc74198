/** The registry of a process's connections by device. A second connection of a device takes the place of the first. */
import type { DeviceId, ErrorCode, TenantId } from '@kuvert/protocol';
import type { Connection, Connections } from './connection.ts';

/** A connection whose device is named but not yet checked. */
export interface Candidate {
  close(code: ErrorCode): void;
}

interface Admitted {
  readonly connection: Connection;
  readonly visit: number;
}

/** @see Connections */
export class LiveConnections implements Connections {
  readonly #live = new Map<string, Admitted>();
  readonly #candidates = new Map<string, Set<Candidate>>();

  readonly #onAdmitted: (connection: Connection, visit: number) => void;

  /** @param onAdmitted hears of each device that has connected, for other servers to know */
  constructor(onAdmitted: (connection: Connection, visit: number) => void = () => undefined) {
    this.#onAdmitted = onAdmitted;
  }

  get size(): number {
    return this.#live.size;
  }

  /** Everybody who is connected at this moment. */
  all(): Connection[] {
    return Array.from(this.#live.values(), ({ connection }) => connection);
  }

  find(tenantId: TenantId, deviceId: DeviceId): Connection | undefined {
    return this.#live.get(keyOf(tenantId, deviceId))?.connection;
  }

  closeDevice(tenantId: TenantId, deviceId: DeviceId, code: ErrorCode): void {
    const key = keyOf(tenantId, deviceId);
    // Candidates too: their look-up may have read what was true before the revocation.
    for (const candidate of [...(this.#candidates.get(key) ?? [])]) candidate.close(code);
    this.#live.get(key)?.connection.close(code);
  }

  closeTenant(tenantId: TenantId, code: ErrorCode): void {
    const prefix = keyOf(tenantId, '' as DeviceId);
    for (const [key, candidates] of this.#candidates) {
      if (key.startsWith(prefix)) for (const candidate of [...candidates]) candidate.close(code);
    }
    for (const [key, { connection }] of this.#live) if (key.startsWith(prefix)) connection.close(code);
  }

  /** Notes that `candidate` claims to be this device. Ends with the returned function. */
  claim(tenantId: TenantId, deviceId: DeviceId, candidate: Candidate): () => void {
    const key = keyOf(tenantId, deviceId);
    const claims = this.#candidates.get(key) ?? new Set();
    this.#candidates.set(key, claims.add(candidate));
    return () => {
      claims.delete(candidate);
      if (claims.size === 0 && this.#candidates.get(key) === claims) this.#candidates.delete(key);
    };
  }

  /**
   * Makes `connection` the device's connection and closes the one before.
   * @param visit a number that a device counts up with each connection
   */
  admit(connection: Connection, visit: number): void {
    const key = keyOf(connection.tenantId, connection.deviceId);
    const before = this.#live.get(key);
    this.#live.set(key, { connection, visit });
    before?.connection.close('connection_replaced');
    connection.onClose(() => {
      if (this.#live.get(key)?.connection === connection) this.#live.delete(key);
    });
    this.#onAdmitted(connection, visit);
  }

  /** The device has connected to another server: ends its connection here, unless that is a later one. */
  replacedElsewhere(tenantId: TenantId, deviceId: DeviceId, visit: number): void {
    const here = this.#live.get(keyOf(tenantId, deviceId));
    if (here !== undefined && here.visit < visit) here.connection.close('connection_replaced');
  }
}

function keyOf(tenantId: TenantId, deviceId: DeviceId): string {
  return `${tenantId}/${deviceId}`;
}
