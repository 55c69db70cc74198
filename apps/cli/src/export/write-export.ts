/** One's own data as files: `export.json` with everything, and pages to read it with a browser. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { ConversationSummary, Entry } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { messageWords, type NameOf, namesIn } from '../content-text.ts';
import { conversationTextsIn } from '../conversation-texts.ts';
import { conversationJson, entryJson, peerName } from '../conversation-view.ts';
import { showDuration } from '../duration.ts';
import { UsageError } from '../failure.ts';
import { noticeFacts, systemSentence } from '../notice-view.ts';
import type { Output } from '../output.ts';
import { PAGE_END, type PageLine, type PageWords, pageBack, pageHead, pageIndex, pageLine } from './pages.ts';

const PAGE = 500;
/** What the fields of `export.json` mean; higher when one that was there means something else. */
const FORMAT = { format: 'kuvert-export', version: 1 };

/**
 * Writes everything that the profile holds of its person: who they are, their devices and settings, and all conversations.
 * @param folder is made when it is missing, and must be empty: nothing is overwritten
 * @returns how many messages were written
 */
export async function writeExport(profile: Profile, folder: string, output: Output): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) {
    throw new UsageError({
      en: 'The folder is not empty, and nothing is overwritten; give the name of a new one.',
      de: 'Der Ordner ist nicht leer, und überschrieben wird nichts; bitte einen neuen nennen.',
    });
  }
  const words = wordsFor(profile, output);
  const json = new FileWriter(join(folder, 'export.json'));
  const { serverUrl: server, ...self } = profile.whoami();
  const devices = profile.devices
    .list()
    .map(({ addedAtMs, ...device }) => ({ ...device, addedAt: iso(addedAtMs) }));
  const facts = {
    ...FORMAT,
    exportedAt: iso(Date.now()),
    self: { ...self, server },
    devices,
    settings: profile.settings(),
  };
  await json.write(`${JSON.stringify(facts, undefined, 1).slice(0, -2)},\n "conversations": [`);
  const index: { file: string; name: string; count: number }[] = [];
  for (const summary of profile.conversations.list()) {
    const file = `conversation-${String(index.length + 1).padStart(4, '0')}.html`;
    const name =
      summary.peer.name === undefined ? peerName(summary) : `${summary.peer.name} (${peerName(summary)})`;
    await json.write(
      `${index.length > 0 ? ',' : ''}\n  ${JSON.stringify(conversationJson(summary)).slice(0, -1)},"entries":[`,
    );
    const page = new FileWriter(join(folder, file));
    await page.write(pageHead(name, words) + pageBack(words));
    let count = 0;
    for (const entry of allEntries(profile, summary)) {
      await json.write(
        `${count > 0 ? ',' : ''}\n   ${JSON.stringify(dataOf(entry, summary, output, namesIn(profile)))}`,
      );
      await page.write(pageLine(lineOf(entry, summary, { profile, output, nameOf: namesIn(profile) })));
      count++;
    }
    await json.write(']}');
    await page.end(pageBack(words) + PAGE_END);
    index.push({ file, name, count });
  }
  await json.end('\n ]\n}\n');
  await writeFile(join(folder, 'index.html'), pageIndex(index, words), { mode: 0o600, flag: 'wx' });
  return index.reduce((sum, { count }) => sum + count, 0);
}

function* allEntries(profile: Profile, { conversationId }: ConversationSummary): Generator<Entry> {
  const { conversations } = profile;
  let page = conversations.entries(conversationId, { aroundMs: 0, limit: PAGE });
  for (;;) {
    yield* page.entries;
    if (page.newer === undefined) return;
    page = conversations.entries(conversationId, { after: page.newer, limit: PAGE });
  }
}

/** A message with its text exactly as it was written, or a notice. */
function dataOf(entry: Entry, summary: ConversationSummary, output: Output, nameOf: NameOf): object {
  if (entry.direction !== 'system') return { kind: entry.kind, ...entryJson(entry, summary, output, nameOf) };
  const { kind, ...facts } = noticeFacts(entry, nameOf) as { kind: string };
  return { kind, direction: entry.direction, ...facts };
}

function lineOf(
  entry: Entry,
  summary: ConversationSummary,
  { profile, output, nameOf }: { profile: Profile; output: Output; nameOf: NameOf },
): PageLine {
  const { texts } = output;
  if (entry.direction === 'system') {
    const note = systemSentence(entry, { profile, output, nameOf });
    return { at: iso(entry.atMs), who: 'Kuvert', isOwn: false, text: '', note };
  }
  const isOwn = entry.direction === 'out';
  const sender =
    summary.kind === 'direct' ? (summary.peer.name ?? peerName(summary)) : nameOf(entry.senderPerson);
  const who = isOwn ? texts.me() : sender;
  const state = entry.state === undefined ? '' : ` · ${texts.shortState(entry.state)}`;
  return {
    at: iso(entry.atMs),
    who: `${who}${state}`,
    isOwn,
    text: messageWords(entry, output.language, nameOf),
    note: noteOf(entry, who, output),
  };
}

function noteOf(
  entry: Exclude<Entry, { direction: 'system' }>,
  who: string,
  output: Output,
): string | undefined {
  if (entry.kind === 'too-new') return output.texts.tooNew();
  if (entry.kind === 'deleted') return output.texts.deleted();
  if (entry.kind !== 'timer') return undefined;
  const duration = entry.timerMs === undefined ? undefined : showDuration(entry.timerMs);
  return `${who}: ${conversationTextsIn(output.language).timerNow(duration)}`;
}

function wordsFor(profile: Profile, output: Output): PageWords {
  const { name, mail, tenantName, deviceId } = profile.whoami();
  const at = iso(Date.now());
  return output.language === 'de'
    ? {
        language: 'de',
        title: `Nachrichten von ${name}`,
        about: `${name} (${mail}), ${tenantName}. Geschrieben am ${at} auf dem Gerät ${deviceId}. Zeiten in UTC.`,
        messages: (count) => `${count} Einträge`,
        back: 'Alle Unterhaltungen',
      }
    : {
        language: 'en',
        title: `Messages of ${name}`,
        about: `${name} (${mail}), ${tenantName}. Written on ${at} on the device ${deviceId}. Times are UTC.`,
        messages: (count) => `${count} entries`,
        back: 'All conversations',
      };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** A new file for its owner alone, written piece by piece: a long history does not fit into memory. */
class FileWriter {
  readonly #stream;
  readonly #done;

  constructor(path: string) {
    this.#stream = createWriteStream(path, { mode: 0o600, flags: 'wx' });
    this.#done = finished(this.#stream);
    this.#done.catch(() => undefined);
  }
  async write(text: string): Promise<void> {
    if (!this.#stream.write(text)) await Promise.race([once(this.#stream, 'drain'), this.#done]);
  }
  async end(text: string): Promise<void> {
    this.#stream.end(text);
    await this.#done;
  }
}
