import type { ConversationId } from '@kuvert/protocol';
import type { ConversationChanges } from './types.ts';

/**
 * Collects what has changed in conversations and tells it after the running transaction: everything that is noted until the present
 * task ends is told at once, so that a batch of messages is one change.
 */
export class ChangeBoard {
  readonly #listeners = new Set<(changes: ConversationChanges) => void>();
  #entries = new Set<ConversationId>();
  #settings = new Set<ConversationId>();
  #isDue = false;

  /** Calls `listener` with all changes from now on. @returns stops it */
  onChanged(listener: (changes: ConversationChanges) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  entriesOf(conversationId: ConversationId): void {
    this.#entries.add(conversationId);
    this.#tellSoon();
  }
  settingsOf(conversationId: ConversationId): void {
    this.#settings.add(conversationId);
    this.#tellSoon();
  }

  #tellSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      const changes = { entries: this.#entries, settings: this.#settings };
      this.#entries = new Set();
      this.#settings = new Set();
      this.#isDue = false;
      for (const listener of [...this.#listeners]) listener(changes);
    });
  }
}
