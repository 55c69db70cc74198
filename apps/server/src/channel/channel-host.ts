/** What the sessions of a channel share, and what an open connection is to them. */
import type { StaticKeyPair } from '@kuvert/crypto/channel';
import type { ErrorCode } from '@kuvert/protocol';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import type { Store } from '../store/index.ts';
import type { LiveConnections } from './live-connections.ts';
import type { TickFlusher } from './outgoing.ts';
import type { DeviceDoor, MailboxRoutes, RouteTable } from './routes.ts';

/** What all sessions of a server share. */
export interface ChannelHost {
  readonly statics: () => readonly StaticKeyPair[];
  readonly store: Pick<Store, 'tenant'>;
  readonly door: DeviceDoor;
  readonly routes: RouteTable;
  readonly mailbox: MailboxRoutes;
  readonly connections: LiveConnections;
  readonly flusher: TickFlusher;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ServerMetrics;
  /** True while no new connection should be begun (`limits/admission.ts`). */
  readonly isBusy: () => boolean;
  /** Raised by a restore (wire.md §3). */
  readonly installationEpoch: number;
}

/** A connection that is open, of either kind. */
export interface OpenConnection {
  receive(frame: Uint8Array): void;
  close(code: ErrorCode): void;
  /** Takes nothing more, finishes what it is at, then closes. */
  drain(code: ErrorCode): Promise<void>;
  /** The socket has ended. */
  ended(): void;
}
