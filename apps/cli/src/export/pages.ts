/**
 * One's own data as pages that can be read with any browser, for ever and without a network: no scripts, no pictures, nothing loaded from
 * anywhere, and every word that somebody wrote is escaped, so that a message cannot become a part of the page.
 */
import { showText } from '../terminal-text.ts';

/** A line of a conversation as a page shows it. */
export interface PageLine {
  readonly at: string;
  readonly who: string;
  readonly isOwn: boolean;
  readonly text: string;
  /** A sentence in the place of a text, or beside it. */
  readonly note: string | undefined;
}

/** The words of the pages in one language. */
export interface PageWords {
  readonly language: 'en' | 'de';
  readonly title: string;
  /** Whose data, on which device, and when it was written. */
  readonly about: string;
  readonly messages: (count: number) => string;
  readonly back: string;
}

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}ul{list-style:none;padding:0}li{margin:.4rem 0}article{border-left:.25rem solid #8888;padding:.1rem .8rem;margin:.8rem 0}
article.own{border-color:#2a7de1}header{font-size:.85rem;opacity:.75}p{margin:.2rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
.note{font-style:italic;opacity:.75}`;

/** Begin of a page. @param title may hold anything */
export function pageHead(title: string, words: PageWords): string {
  return `<!doctype html>
<html lang="${words.language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
<h1>${escapeHtml(title)}</h1>
`;
}

/** End of a page. */
export const PAGE_END = '</body></html>\n';

/** One line of a conversation. */
export function pageLine({ at, who, isOwn, text, note }: PageLine): string {
  const noted = note === undefined ? '' : `<p class="note">${escapeHtml(note)}</p>`;
  const shown = text === '' ? '' : `<p dir="auto">${escapeHtml(text)}</p>`;
  const time = `<time datetime="${escapeHtml(at)}">${escapeHtml(at)}</time>`;
  return `<article${isOwn ? ' class="own"' : ''}><header>${escapeHtml(who)} · ${time}</header>${shown}${noted}</article>\n`;
}

/** The list of conversations. @param entries `file` is a name of ours */
export function pageIndex(
  entries: readonly { readonly file: string; readonly name: string; readonly count: number }[],
  words: PageWords,
): string {
  const items = entries.map(
    ({ file, name, count }) =>
      `<li><a href="${escapeHtml(file)}">${escapeHtml(name)}</a> · ${escapeHtml(words.messages(count))}</li>`,
  );
  const list = `<p>${escapeHtml(words.about)}</p><ul>\n${items.join('\n')}\n</ul>\n`;
  return `${pageHead(words.title, words)}${list}${PAGE_END}`;
}

/** A way back to the list. */
export function pageBack(words: PageWords): string {
  return `<p><a href="index.html">${escapeHtml(words.back)}</a></p>\n`;
}

/** Control characters and marks for the direction of writing are shown as what they are, as on a terminal. */
function escapeHtml(text: string): string {
  return showText(text, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
