/**
 * Looks again whether whoever is connected may be. Other servers on the same database tell of locks, suspensions and revocations by words that may get lost, or
 * that a server which dies after its commit never says; the truth is in the rows, and is read here whenever words may be missing (`store/engine-mongodb/nodes.ts`).
 */
import type { DeviceId, ErrorCode, TenantId } from '@kuvert/protocol';
import type { Connection } from './connection.ts';
import type { DeviceDoor } from './routes.ts';

/** So many are looked up at once, so that nobody who waits for the store notices. */
const AT_ONCE = 16;

/** @see the head of this file */
export class AdmissionRecheck {
  readonly #connections: () => readonly Connection[];
  readonly #door: Pick<DeviceDoor, 'findForChannel'>;
  readonly #close: (tenantId: TenantId, deviceId: DeviceId, code: ErrorCode) => void;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> | undefined;
  #isAskedAgain = false;

  /** @param deps.close ends what a device that may not be there has under way */
  constructor(deps: {
    readonly connections: () => readonly Connection[];
    readonly door: Pick<DeviceDoor, 'findForChannel'>;
    readonly close: (tenantId: TenantId, deviceId: DeviceId, code: ErrorCode) => void;
    readonly onError: (error: unknown) => void;
  }) {
    this.#connections = deps.connections;
    this.#door = deps.door;
    this.#close = deps.close;
    this.#onError = deps.onError;
  }

  /** Goes through all connections; who asks during a round gets another one after it. Never rejects. */
  run(): Promise<void> {
    this.#isAskedAgain = true;
    this.#running ??= this.#rounds().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #rounds(): Promise<void> {
    while (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      const waiting = [...this.#connections()];
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await this.#look(next);
        }),
      );
    }
  }

  async #look({ tenantId, deviceId }: Connection): Promise<void> {
    try {
      const found = await this.#door.findForChannel(tenantId, deviceId);
      const code = found === undefined ? 'device_not_accepted' : found.refusal;
      if (code !== undefined) this.#close(tenantId, deviceId, code);
    } catch (error) {
      // A database that is away decides nothing; when it is back there is another round.
      this.#onError(error);
    }
  }
}
