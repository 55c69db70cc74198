/**
 * Messages that a `send` has written down, and what became of each. Results are told in the order of the input, each as
 * soon as it is known: accepted by the server, or known to wait here, because the server is out of reach or has a reason.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { SendResult } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { type ContentId, type ErrorCode, KuvertError } from '@kuvert/protocol';
import { EXIT, type ExitCode, exitCodeFor } from './exit-codes.ts';
import { describeFailure } from './failure.ts';
import type { MessageLine } from './message-lines.ts';
import type { Output } from './output.ts';
import { problemSentence } from './problem-sentence.ts';
import { connectIfReachable, isOffline, TIME_LIMIT_MS } from './profile-session.ts';

/** Messages that may be on their way at once: enough to fill the connection, few enough to stay in memory. */
const PENDING_MAX = 1_000;
const POLL_MS = 20;
/** How often a lost server is looked for. */
const RECONNECT_MS = 2_000;

/** Reasons to wait that time cures: the message is as good as sent, so the command has done its work. */
const WAITS: ReadonlySet<ErrorCode> = new Set([
  'no_device',
  'mailbox_full',
  'attachment_quota',
  'rate_limited',
  'overloaded',
  'store_busy',
  'store_unavailable',
  'disk_full',
  'shutting_down',
  'server_unreachable',
  'devices_changed',
]);

/** The messages of one `send`. */
export class Outgoing {
  readonly #profile: Profile;
  readonly #output: Output;
  /** Written down, not yet told; oldest first. */
  readonly #pending: ContentId[] = [];
  #online = false;
  #queued = 0;
  #inputEnded = false;
  #failure: { readonly error: unknown } | undefined;
  /** The first thing that went wrong, as an exit code. */
  exitCode: ExitCode = EXIT.ok;

  constructor(profile: Profile, output: Output) {
    this.#profile = profile;
    this.#output = output;
  }

  /** Notes a message that was written down. */
  add(messageId: ContentId): void {
    this.#pending.push(messageId);
  }

  /** Writes down and sends all lines, and tells the result of each. @throws KuvertError when the server refuses this device */
  async sendAll(batches: AsyncIterable<readonly MessageLine[]>): Promise<void> {
    this.#online = await connectIfReachable(this.#profile);
    // What stops the telling (a closed stdout, a revoked device) must also stop the reading, which may be waiting for input.
    const telling = this.#tellWhileSending();
    await Promise.race([this.#readAll(batches).then(() => telling), telling]);
    if (this.#failure) throw this.#failure.error;
  }

  /** Tells everything that has not been told, as it is now. A failure that is told afterwards is the reason for what waits. */
  async tellRest({ failed, isStopped = false }: { failed: boolean; isStopped?: boolean }): Promise<void> {
    await this.#tellKnown({ all: true });
    if (this.#queued > 0 && isStopped) {
      await this.#output.notice('stopped', this.#output.texts.stoppedQueued());
    } else if (this.#queued > 0 && !failed) {
      await this.#output.notice('server_unreachable', this.#output.texts.queuedOffline(this.#queued));
    }
  }

  async #readAll(batches: AsyncIterable<readonly MessageLine[]>): Promise<void> {
    try {
      for await (const batch of batches) {
        for (let start = 0; start < batch.length; start += PENDING_MAX) {
          await this.#writeDown(batch.slice(start, start + PENDING_MAX));
          while (this.#pending.length >= PENDING_MAX && !this.#failure) await pause(POLL_MS);
        }
        if (this.#failure) return;
      }
      if (this.#online) await this.#profile.flush({ timeoutMs: TIME_LIMIT_MS.flush });
    } catch (error) {
      if (!isOffline(error)) this.#failure ??= { error };
    } finally {
      this.#inputEnded = true;
    }
  }

  async #writeDown(lines: readonly MessageLine[]): Promise<void> {
    const good = lines.filter((line) => 'text' in line);
    for (const line of lines) if ('problem' in line) await this.#tellBadLine(line.line, line.problem);
    try {
      for (const { messageId } of await this.#profile.sendAll(good)) this.add(messageId);
    } catch (error) {
      if (!(error instanceof KuvertError)) throw error;
      // One of them was refused, and so none was written down: each for itself now.
      for (const line of good) await this.#writeDownOne(line);
    }
  }

  async #writeDownOne(line: { line: number; to: string; text: string }): Promise<void> {
    try {
      this.add((await this.#profile.send({ to: line.to, text: line.text })).messageId);
    } catch (error) {
      if (!(error instanceof KuvertError)) throw error;
      await this.#tellBadLine(line.line, error);
    }
  }

  async #tellBadLine(line: number, problem: unknown): Promise<void> {
    const { language, texts } = this.#output;
    const failure = describeFailure(problem, language);
    if (this.exitCode === EXIT.ok) this.exitCode = failure.exitCode;
    await this.#output.failure({ ...failure, message: texts.badLine(line, failure.message) }, { line });
  }

  async #tellWhileSending(): Promise<void> {
    let triedAt = performance.now();
    try {
      while (!this.#inputEnded && !this.#failure) {
        await this.#tellKnown({ all: !this.#online });
        if (this.#pending.length > 0 && performance.now() - triedAt > RECONNECT_MS) {
          this.#online = await connectIfReachable(this.#profile);
          triedAt = performance.now();
        }
        await pause(POLL_MS);
      }
      await this.tellRest({ failed: this.#failure !== undefined });
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  /** Tells from the oldest on, until one is found whose state may still change soon. */
  async #tellKnown({ all }: { all: boolean }): Promise<void> {
    for (let messageId = this.#pending[0]; messageId !== undefined; messageId = this.#pending[0]) {
      const { state, problem } = this.#profile.status(messageId);
      if (state === 'queued' && problem === undefined && !all) return;
      this.#pending.shift();
      await this.#tellOne({ messageId, state, ...(problem === undefined ? {} : { problem }) });
    }
  }

  async #tellOne({ messageId, state, problem }: SendResult): Promise<void> {
    const { texts, language } = this.#output;
    const told = state === 'queued' ? 'queued' : 'accepted';
    await this.#output.result({ messageId, state: told }, () => texts.sent(told, messageId));
    if (told === 'accepted') return;
    if (problem === undefined) {
      this.#queued += 1;
    } else if (WAITS.has(problem)) {
      await this.#output.notice(problem, problemSentence(problem, language), { messageId });
    } else {
      await this.#output.failure(describeFailure(new KuvertError(problem), language), { messageId });
      if (this.exitCode === EXIT.ok) this.exitCode = exitCodeFor(problem);
    }
  }
}
