/** Keeps a profile connected: in the background, with growing pauses, for as long as a new attempt can help. */
import type { Profile } from '@kuvert/client-core/node';
import { KuvertError, sentenceFor } from '@kuvert/protocol';
import type { Language } from '../config.ts';
import type { Connection } from './model.ts';

const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 30_000;

/** What {@link KeptConnection} needs. */
export interface KeptConnectionOptions {
  readonly profile: Pick<Profile, 'connect' | 'onClosed' | 'isConnected'>;
  readonly language: Language;
  /** Told at every change. */
  readonly onChange: (connection: Connection) => void;
  readonly now?: () => number;
  /** From 0 to 1; attempts of many clients of one server that comes back are spread by it. */
  readonly random?: () => number;
}

/** @see the top of this file */
export class KeptConnection {
  readonly #options: KeptConnectionOptions;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #stopListening: () => void;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = PAUSE_MIN_MS;
  #offlineSinceMs: number | undefined;
  #isTrying = false;
  #isEnded = false;

  constructor(options: KeptConnectionOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
    this.#stopListening = options.profile.onClosed((reason) => this.#lost(reason));
  }

  /** Tries at once, whatever the pause. */
  connectNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#try();
  }

  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#stopListening();
  }

  async #try(): Promise<void> {
    if (this.#isTrying || this.#isEnded) return;
    this.#isTrying = true;
    // Somebody who was told to be offline is not told otherwise by every attempt.
    if (this.#offlineSinceMs === undefined) this.#options.onChange({ kind: 'connecting' });
    try {
      await this.#options.profile.connect();
      this.#isTrying = false;
      if (this.#isEnded) return;
      if (!this.#options.profile.isConnected) {
        this.#lost(new KuvertError('server_unreachable'));
        return;
      }
      this.#pauseMs = PAUSE_MIN_MS;
      this.#offlineSinceMs = undefined;
      this.#options.onChange({ kind: 'online' });
    } catch (error) {
      this.#isTrying = false;
      this.#lost(error);
    }
  }

  #lost(reason: unknown): void {
    if (this.#isEnded || this.#isTrying || this.#timer !== undefined) return;
    const { onChange, language } = this.#options;
    if (reason instanceof KuvertError && reason.retry.kind === 'never') {
      onChange({ kind: 'refused', sentence: sentenceFor(reason.code, language) });
      return;
    }
    const nowMs = this.#now();
    this.#offlineSinceMs ??= nowMs;
    const asked = reason instanceof KuvertError && reason.retry.kind === 'after' ? reason.retry.ms : 0;
    const pauseMs = Math.max(asked, this.#pauseMs) * (0.75 + this.#random() / 2);
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MAX_MS);
    onChange({ kind: 'offline', sinceMs: this.#offlineSinceMs, retryAtMs: nowMs + pauseMs });
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#try();
    }, pauseMs);
  }
}
