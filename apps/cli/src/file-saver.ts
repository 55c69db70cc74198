/** Saves the files of messages as they are printed. */
import type { IncomingMessage } from '@kuvert/client-core';
import { fileTarget, type Profile } from '@kuvert/client-core/node';
import { type ErrorCode, KuvertError, sentenceFor } from '@kuvert/protocol';
import { type ExitCode, exitCodeFor } from './exit-codes.ts';
import type { Output } from './output.ts';
import { connectIfReachable } from './profile-session.ts';
import { showLine } from './terminal-text.ts';

/** Connections that may be lost in the middle of one file. */
const TRIES_MAX = 5;

/** What says something of one file only: the others are saved all the same. */
const OF_THIS_FILE: ReadonlySet<ErrorCode> = new Set([
  'attachment_gone',
  'attachment_damaged',
  'exchange_refused',
]);

/** What is said of a file beside its message. */
export interface SavedFile {
  readonly json: { readonly savedAs?: string; readonly problem?: string };
  readonly lines: readonly string[];
}

/** @see the top of this file */
export class FileSaver {
  readonly #profile: Profile;
  readonly #folder: string;
  readonly #output: Output;
  /** The first thing that went wrong, as an exit code. */
  failure: ExitCode | undefined;

  constructor(profile: Profile, folder: string, output: Output) {
    this.#profile = profile;
    this.#folder = folder;
    this.#output = output;
  }

  /**
   * Saves the file of a message, if it has one that can be had.
   * @throws KuvertError what keeps this file, and those after it, for the next time: `server_unreachable`, `disk_full`, `folder_read_only`
   */
  async save(
    message: Pick<IncomingMessage, 'messageId' | 'senderDevice' | 'details'>,
  ): Promise<SavedFile | undefined> {
    const { conversations } = this.#profile;
    if (message.details?.file === undefined) return undefined;
    const entry = conversations
      .find(message.messageId)
      .find((one) => one.senderDevice === message.senderDevice);
    return entry && this.saveEntry(entry.entryId, message.messageId);
  }

  /**
   * Saves the file of a message that is known here.
   * @throws KuvertError as {@link FileSaver.save}; `no_file` for a message without one
   */
  async saveEntry(entryId: number, messageId: string): Promise<SavedFile> {
    try {
      const path = await this.#saveTo(entryId, messageId);
      return { json: { savedAs: path }, lines: [`  → ${showLine(path)}`] };
    } catch (error) {
      if (!(error instanceof KuvertError) || !OF_THIS_FILE.has(error.code)) throw error;
      this.failure ??= exitCodeFor(error.code);
      const sentence = sentenceFor(error.code, this.#output.language);
      return { json: { problem: error.code }, lines: [`  ! ${sentence}`] };
    }
  }

  async #saveTo(entryId: number, key: string): Promise<string> {
    for (let tries = 1; ; tries++) {
      const target = await fileTarget(this.#folder, key);
      try {
        return await this.#profile.attachments.save(entryId, target);
      } catch (error) {
        const isLost = error instanceof KuvertError && error.retry.kind !== 'never';
        if (!isLost || tries >= TRIES_MAX || error.code === 'disk_full') throw error;
        if (!(await connectIfReachable(this.#profile))) throw error;
      }
    }
  }
}
