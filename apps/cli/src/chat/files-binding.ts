/** What the binding does about files: sending what lies on this machine, completing paths, telling how far longer work is, small pictures. */
import type { MessageEntry } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import type { ConversationId, Preview } from '@kuvert/protocol';
import type { Language } from '../config.ts';
import { pointsOf } from '../content/raster.ts';
import { paced, progressText } from '../progress.ts';
import { completePath } from './complete-path.ts';
import { compose } from './message-effects.ts';
import type { ChatEvent, Effect, PictureItem } from './model.ts';

/** A transfer is told no more often. */
const TELL_EVERY_MS = 150;
/** What has no message yet to stand at is told no more often, and not at all where it is quicker. */
const SAY_EVERY_MS = 2_000;
/** Names that are shown when several can be meant. */
const NAMES_SHOWN = 40;
/** Points of a small picture on the screen: two in a cell, one above the other. */
const SIDES = { width: 36, height: 24 } as const;
/** Pictures that are kept as points. */
const PICTURES_MAX = 200;

/** @see the top of this file */
export class FilesBinding {
  readonly #profile: Profile;
  readonly #tell: (event: ChatEvent) => void;
  readonly #pictures = new Map<string, PictureItem | undefined>();
  readonly #undo: () => void;

  constructor(options: { profile: Profile; language: Language; tell: (event: ChatEvent) => void }) {
    this.#profile = options.profile;
    this.#tell = options.tell;
    const say = paced(SAY_EVERY_MS, (progress) =>
      this.#tell({ kind: 'told', sentence: progressText(progress, options.language), isError: false }),
    );
    let toldAt = 0;
    this.#undo = options.profile.onProgress((progress) => {
      if (progress.work !== 'uploading' && progress.work !== 'downloading') return say(progress);
      const { work, attachment: file, done: doneBytes, total: totalBytes } = progress;
      const isOver = doneBytes >= totalBytes;
      if (!isOver && performance.now() - toldAt < TELL_EVERY_MS) return;
      toldAt = performance.now();
      this.#tell({
        kind: 'transfer',
        file,
        direction: work === 'uploading' ? 'up' : 'down',
        doneBytes,
        totalBytes,
      });
    });
  }

  end(): void {
    this.#undo();
  }

  async compose({ id, kind, text }: Extract<Effect, { do: 'compose' }>): Promise<void> {
    await compose(this.#profile, id as ConversationId, { kind, text });
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
