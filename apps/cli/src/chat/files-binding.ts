/** What the binding does about files: sending what lies on this machine, completing paths, telling how far a transfer is, small pictures. */
import type { MessageEntry } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import type { ConversationId, Preview } from '@kuvert/protocol';
import { pointsOf } from '../content/raster.ts';
import { completePath } from './complete-path.ts';
import { compose } from './message-effects.ts';
import type { ChatEvent, Effect, PictureItem } from './model.ts';
import type { ChatTexts } from './texts/texts.ts';

/** A transfer is told no more often. */
const TELL_EVERY_MS = 150;
/** Reading a file that is quicker than this is not mentioned. */
const SEAL_QUIET_MS = 1_500;
/** Names that are shown when several can be meant. */
const NAMES_SHOWN = 40;
/** Points of a small picture on the screen: two in a cell, one above the other. */
const SIDES = { width: 36, height: 24 } as const;
/** Pictures that are kept as points. */
const PICTURES_MAX = 200;

/** @see the top of this file */
export class FilesBinding {
  readonly #profile: Profile;
  readonly #texts: ChatTexts;
  readonly #tell: (event: ChatEvent) => void;
  readonly #pictures = new Map<string, PictureItem | undefined>();
  readonly #undo: () => void;

  constructor(options: { profile: Profile; texts: ChatTexts; tell: (event: ChatEvent) => void }) {
    this.#profile = options.profile;
    this.#texts = options.texts;
    this.#tell = options.tell;
    let toldAt = 0;
    this.#undo = options.profile.attachments.onProgress(
      ({ attachment, direction, doneBytes, totalBytes }) => {
        const isOver = doneBytes >= totalBytes;
        if (!isOver && performance.now() - toldAt < TELL_EVERY_MS) return;
        toldAt = performance.now();
        this.#tell({ kind: 'transfer', file: attachment, direction, doneBytes, totalBytes });
      },
    );
  }

  end(): void {
    this.#undo();
  }

  async compose({ id, kind, text }: Extract<Effect, { do: 'compose' }>): Promise<void> {
    const beganAt = performance.now();
    let toldAt = beganAt + SEAL_QUIET_MS - 1_000;
    await compose(this.#profile, id as ConversationId, {
      kind,
      text,
      onBytes: (doneBytes, totalBytes) => {
        if (performance.now() - toldAt < 1_000) return;
        toldAt = performance.now();
        const share = Math.floor((100 * doneBytes) / Math.max(1, totalBytes));
        this.#tell({ kind: 'told', sentence: this.#texts.sealing(share), isError: false });
      },
    });
  }

  async complete({ line, before, typed, isFolder }: Extract<Effect, { do: 'complete' }>): Promise<void> {
    const found = await completePath(typed, { isFolder });
    if (found === undefined) return;
    this.#tell({ kind: 'completed', line, to: before + found.path });
    if (found.names.length === 0) return;
    const more = found.names.length - NAMES_SHOWN;
    const names = found.names.slice(0, NAMES_SHOWN).join('   ');
    this.#tell({ kind: 'told', sentence: more > 0 ? `${names} … (+${more})` : names, isError: false });
  }

  /** The small picture that goes with a message, where there is one that can be shown. */
  pictureOf({ file, links }: Pick<MessageEntry, 'file' | 'links'>): PictureItem | undefined {
    const preview = file?.preview ?? links?.find((link) => link.preview !== undefined)?.preview;
    return preview && this.pointsOf(file?.attachment ?? links?.[0]?.url ?? '', preview);
  }

  /** @param key names the picture */
  pointsOf(key: string, preview: Pick<Preview, 'bytes'>): PictureItem | undefined {
    const name = `${key} ${preview.bytes.length}`;
    if (this.#pictures.has(name)) return this.#pictures.get(name);
    const [oldest] = this.#pictures.keys();
    if (this.#pictures.size >= PICTURES_MAX && oldest !== undefined) this.#pictures.delete(oldest);
    const picture = pointsOf(preview, SIDES);
    this.#pictures.set(name, picture);
    return picture;
  }
}
