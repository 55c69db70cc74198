/** What is stored of a message as content again, and the words in it. */
import {
  type ChangeContent,
  decodeContent,
  encodeContent,
  InvalidContentError,
  isChange,
  isShown,
  READER_VERSION,
  type ShownContent,
  utf8,
} from '@kuvert/protocol';
import type { EntryRow } from './store.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A text may begin with U+FEFF, which belongs to it. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** How content is kept: a plain text as its bytes, so that a long history stays small, everything else as it was sent. */
export function storedForm(content: ShownContent): Pick<EntryRow, 'kind' | 'content'> {
  if (content.kind === 'text' && !content.replyTo && !content.mentions && !content.links) {
    return { kind: 'text', content: utf8(content.text) };
  }
  return { kind: 'content', content: encodeContent(content) };
}

/**
 * The content of an entry; undefined for what has none. What was too new when it came is shown as soon as the release knows it.
 */
export function shownOf(row: Pick<EntryRow, 'kind' | 'content'>): ShownContent | undefined {
  if (row.kind === 'text')
    return { kind: 'text', minReader: READER_VERSION, text: decoder.decode(row.content) };
  if (row.kind !== 'content' && row.kind !== 'too-new') return undefined;
  const content = decoded(row.content);
  return content && isShown(content) ? content : undefined;
}

/** A change as it was sent; undefined for bytes that are none. */
export function changeOf(bytes: Bytes): ChangeContent | undefined {
  const content = decoded(bytes);
  return content && isChange(content) ? content : undefined;
}

/** The text of content that can be edited: what it says, or what is said about it. */
export function captionOf(content: ShownContent): string | undefined {
  switch (content.kind) {
    case 'text':
    case 'file':
    case 'picture':
    case 'video':
      return content.text ?? '';
    default:
      return undefined;
  }
}

/** The text that people read in an entry, as it was last edited; empty for what has none. */
export function textOf(row: Pick<EntryRow, 'kind' | 'content' | 'edited'>): string {
  if (row.edited !== undefined) return decoder.decode(row.edited);
  if (row.kind === 'text') return decoder.decode(row.content);
  const content = shownOf(row);
  return (content && captionOf(content)) ?? '';
}

/** All words by which an entry is found: its text, and the name of a file, a place, a card or a poll. */
export function wordsOf(row: Pick<EntryRow, 'kind' | 'content' | 'edited'>): string {
  const text = textOf(row);
  if (row.kind === 'text') return text;
  const content = row.kind === 'content' ? shownOf(row) : undefined;
  switch (content?.kind) {
    case 'file':
    case 'picture':
    case 'video':
    case 'voice':
      return `${text}\n${content.file.name}`;
    case 'location':
      return content.label ?? '';
    case 'contact':
      return [content.name, content.organisation ?? '', ...content.mails, ...content.phones].join('\n');
    case 'poll':
      return [content.question, ...content.options].join('\n');
    case 'text':
      return [text, ...(content.links ?? []).map(({ title }) => title)].join('\n');
    default:
      return text;
  }
}

function decoded(bytes: Bytes) {
  try {
    return bytes.length === 0 ? undefined : decodeContent(bytes);
  } catch (error) {
    if (error instanceof InvalidContentError) return undefined;
    throw error;
  }
}
