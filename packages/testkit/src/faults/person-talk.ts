/** What a campaign and the processes of its people say to each other. */
import type { ErrorCode } from '@kuvert/protocol';

/** What a person's process is started with, as JSON in its first argument. */
export interface PersonSettings {
  readonly profileDir: string;
  readonly secretHex: string;
  readonly notebook: string;
  /** Offset of this machine's clock is read from here. */
  readonly clockFile: string;
  /** First part of the names of what this process intends; no two processes share it. */
  readonly life: string;
  readonly seed: string;
  readonly colleagues: readonly { readonly mail: string; readonly personId: string }[];
}

/** To the process. */
export type Order =
  /** Says nothing new from now on. */
  | { readonly do: 'be-quiet' }
  /** Sends and fetches what there is, then tells how things stand. */
  | { readonly do: 'flush' }
  /** Writes down what is on the screen. */
  | { readonly do: 'show' }
  /** Closes the profile and ends. */
  | { readonly do: 'leave' };

/** What the profile would tell its person. */
export interface ToldNotice {
  readonly kind: string;
  readonly deviceId?: string;
  readonly code?: ErrorCode;
  readonly count?: number;
}

/** How things stand with a person. */
export interface Standing {
  readonly type: 'standing';
  /** Why sending and fetching did not come to its end. */
  readonly error: string | undefined;
  /** Messages that wait to be accepted. */
  readonly waiting: number;
  /** Messages that have arrived and not been shown. */
  readonly unread: number;
  /** Messages that were accepted and not yet acknowledged by every device. */
  readonly undelivered: number;
  readonly notices: readonly ToldNotice[];
  /** What this process met that a person should never meet. */
  readonly surprises: readonly string[];
}
