/** The registry of a process's connections by device. A second connection of a device takes the place of the first. */
import type { DeviceId, ErrorCode, TenantId } from '@kuvert/protocol';
import type { Connection, Connections } from './connection.ts';

/** A connection whose device is named but not yet checked. */
export interface Candidate {
  close(code: ErrorCode): void;
}

/** @see Connections */
export class LiveConnections implements Connections {
  readonly #live = new Map<string, Connection>();
  readonly #candidates = new Map<string, Set<Candidate>>();

  get size(): number {
    return this.#live.size;
  }

  find(tenantId: TenantId, deviceId: DeviceId): Connection | undefined {
    return this.#live.get(keyOf(tenantId, deviceId));
  }

  closeDevice(tenantId: TenantId, deviceId: DeviceId, code: ErrorCode): void {
    const key = keyOf(tenantId, deviceId);
    // Candidates too: their look-up may have read what was true before the revocation.
    for (const candidate of [...(this.#candidates.get(key) ?? [])]) candidate.close(code);
    this.#live.get(key)?.close(code);
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

  /** Makes `connection` the device's connection and closes the one before. */
  admit(connection: Connection): void {
    const key = keyOf(connection.tenantId, connection.deviceId);
    const before = this.#live.get(key);
    this.#live.set(key, connection);
    before?.close('connection_replaced');
    connection.onClose(() => {
      if (this.#live.get(key) === connection) this.#live.delete(key);
    });
  }
}

function keyOf(tenantId: TenantId, deviceId: DeviceId): string {
  return `${tenantId}/${deviceId}`;
}
