/** Keys as the rest of the chat knows them, from what Node decodes. */

/** What Node's `emitKeypressEvents` says of a key. */
export interface DecodedKey {
  readonly sequence?: string;
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly shift?: boolean;
  readonly code?: string;
}

/** A key: a name such as `enter`, `ctrl-a`, `alt-enter`, `f1`, or `text` with what was typed. */
export interface Key {
  readonly name: string;
  /** What it writes, if it writes anything. */
  readonly text?: string;
}

/** Where decoded keys go. */
export interface KeyTarget {
  onKey(key: Key): void;
  onPaste(text: string): void;
  onFocus(hasFocus: boolean): void;
}

/** A paste longer than this is cut off: no message is longer. */
const PASTE_LENGTH_MAX = 200_000;
/** Sequences that Node knows no name for: Shift-Enter of terminals that tell it, reports of focus. */
const BY_SEQUENCE: Readonly<Record<string, string>> = {
  '\u001b[13;2u': 'shift-enter',
  '\u001b[13;5u': 'ctrl-enter',
  '\u001b[13;3u': 'alt-enter',
  '\u001b\u001f': 'alt-_',
};
const FOCUS: Readonly<Record<string, boolean>> = { '\u001b[I': true, '\u001b[O': false };
const NAMES: Readonly<Record<string, string>> = { return: 'enter', enter: 'ctrl-j' };

/** Gathers pastes, and gives keys their names. */
export class KeyReader {
  readonly #target: KeyTarget;
  #paste: string[] | undefined;
  #pasteLength = 0;

  constructor(target: KeyTarget) {
    this.#target = target;
  }

  /** @param text what the key writes, if anything */
  take(text: string | undefined, key: DecodedKey): void {
    const { sequence = '', name } = key;
    if (name === 'paste-start') {
      [this.#paste, this.#pasteLength] = [[], 0];
    } else if (name === 'paste-end') {
      const pasted = this.#paste?.join('') ?? '';
      this.#paste = undefined;
      if (pasted !== '') this.#target.onPaste(pasted.replace(/\r\n?/g, '\n'));
    } else if (this.#paste !== undefined) {
      // A sequence inside of a paste is text that somebody copied, and none of it is obeyed.
      const piece = text ?? '';
      if (this.#pasteLength + piece.length > PASTE_LENGTH_MAX) return;
      if (!/[^\P{Cc}\t\n\r]/u.test(piece)) this.#paste.push(piece);
      this.#pasteLength += piece.length;
    } else if (FOCUS[sequence] !== undefined) {
      this.#target.onFocus(FOCUS[sequence] === true);
    } else {
      const named = nameOf(text, key);
      if (named !== undefined) this.#target.onKey(named);
    }
  }
}

function nameOf(text: string | undefined, key: DecodedKey): Key | undefined {
  const { sequence = '', ctrl = false, meta = false, shift = false } = key;
  const bySequence = BY_SEQUENCE[sequence];
  if (bySequence !== undefined) return { name: bySequence };
  if (text !== undefined && !ctrl && !meta && !/\p{Cc}/u.test(text)) return { name: 'text', text };
  const name = NAMES[key.name ?? ''] ?? key.name;
  if (name === 'escape') return { name };
  if (name === undefined || name === 'undefined') {
    // Alt with a sign, and control characters without a letter, such as Ctrl-_.
    if (meta && sequence.length === 2) return { name: `alt-${sequence[1]}` };
    if (sequence === '\u001f') return { name: 'ctrl-_' };
    return undefined;
  }
  const isCtrlJ = name === 'ctrl-j';
  const prefix = `${ctrl && !isCtrlJ ? 'ctrl-' : ''}${meta ? 'alt-' : ''}${shift ? 'shift-' : ''}`;
  return { name: prefix + name };
}
