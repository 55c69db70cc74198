import { wordsOf } from '../../conversations/shown.ts';
import type { EntryRow, SearchStore, StoredQuery } from '../../conversations/store.ts';
import { FOLDING_VERSION, fold } from '../../search/fold.ts';
import type { Term } from '../../search/query.ts';
import { ENTRY_ID_MAX, entryOf, idsFrom } from './entry-rows.ts';
import { number, type Sql, text } from './rows.ts';

/**
 * The index of words: no text is in it twice, and what is deleted is overwritten (`secure-delete`). `who` holds the sender and the
 * conversation as words, so that narrowing to them is a step of the index and not a look at each message.
 */
export const SEARCH_TABLES = `
CREATE VIRTUAL TABLE search USING fts5 (
  plain, expanded, who, content = '', prefix = '1 2', tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co M*'"
);
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
CREATE TABLE search_version (version TEXT NOT NULL);
`;

/** With another folding, or other tables of Unicode, words could not be taken out of the index as they were put in. */
const VERSION = `${FOLDING_VERSION}/${process.versions.unicode}`;
const REBUILD_PAGE = 1_000;

type Indexed = Pick<EntryRow, 'entryId' | 'kind' | 'content' | 'edited' | 'senderPerson' | 'conversationId'>;

/** Kinds that have words. */
const INDEXED: readonly EntryRow['kind'][] = ['text', 'content'];

/** @see SearchStore */
export class SqlSearchStore implements SearchStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Makes the index new when it was made by another release. */
  refresh(): void {
    this.#sql.transaction(() => {
      const present = this.#sql.get('SELECT version FROM search_version');
      if (present !== undefined && text(present, 'version') === VERSION) return;
      this.#sql.run("INSERT INTO search (search) VALUES ('delete-all')");
      for (let after = -1; ; ) {
        const sql =
          "SELECT * FROM entry WHERE id > ? AND direction <> 2 AND kind IN ('text', 'content') ORDER BY id LIMIT (? + 0)";
        const rows = this.#sql.all(sql, after, REBUILD_PAGE);
        const last = rows.at(-1);
        if (last === undefined) break;
        for (const row of rows) this.put(entryOf(row));
        after = number(last, 'id');
      }
      this.#sql.run('DELETE FROM search_version');
      this.#sql.run('INSERT INTO search_version (version) VALUES (?)', VERSION);
    });
  }

  put(entry: Indexed): void {
    if (!INDEXED.includes(entry.kind)) return;
    const { plain, expanded } = fold(wordsOf(entry));
    const sql = 'INSERT INTO search (rowid, plain, expanded, who) VALUES (?, ?, ?, ?)';
    this.#sql.run(sql, entry.entryId, plain, expanded, whoOf(entry));
  }
  /** Takes the words out; the entry must be as it was put in. */
  delete(entry: Indexed): void {
    if (!INDEXED.includes(entry.kind)) return;
    const { plain, expanded } = fold(wordsOf(entry));
    const sql = "INSERT INTO search (search, rowid, plain, expanded, who) VALUES ('delete', ?, ?, ?, ?)";
    this.#sql.run(sql, entry.entryId, plain, expanded, whoOf(entry));
  }

  find(query: StoredQuery, limit: number): EntryRow[] {
    const low = query.fromMs === undefined ? 0 : idsFrom(query.fromMs);
    const high = Math.min(
      query.beforeMs === undefined ? ENTRY_ID_MAX : idsFrom(query.beforeMs),
      query.beforeEntry ?? ENTRY_ID_MAX,
    );
    const who = [query.senders, query.conversations].filter((ids) => ids !== undefined);
    const words = [
      ...query.terms.map((term) => `({plain expanded} : ${termOf(term)})`),
      ...who.map((ids) => `({who} : (${ids.map((id) => `"${wordOf(id)}"`).join(' OR ')}))`),
    ];
    if (who.some((ids) => ids.length === 0)) return [];
    const without = query.without.map((term) => `({plain expanded} : ${termOf(term)})`).join(' OR ');
    if (words.length === 0) {
      const sql = `SELECT * FROM entry WHERE id >= ? AND id < ? AND kind IN ('text', 'content') AND direction <> 2
        ${without === '' ? '' : 'AND id NOT IN (SELECT rowid FROM search WHERE search MATCH ?)'} ORDER BY id DESC LIMIT (? + 0)`;
      const rows = this.#sql.all(sql, low, high, ...(without === '' ? [] : [without]), limit);
      return rows.map(entryOf);
    }
    const match = words.join(' AND ') + (without === '' ? '' : ` NOT (${without})`);
    const sql = `SELECT entry.* FROM search JOIN entry ON entry.id = search.rowid
      WHERE search MATCH ? AND search.rowid >= ? AND search.rowid < ? ORDER BY search.rowid DESC LIMIT (? + 0)`;
    return this.#sql.all(sql, match, low, high, limit).map(entryOf);
  }
}

/** Words have no quotation marks in them; the tokenizer takes them as they are. */
function termOf({ forms, isPrefix }: Term): string {
  return `(${forms.map((words) => `"${words.join(' ')}"${isPrefix ? ' *' : ''}`).join(' OR ')})`;
}

function whoOf({ senderPerson, conversationId }: Indexed): string {
  return `${wordOf(senderPerson)} ${wordOf(conversationId)}`;
}

/** Ids have an underscore, which would part them. */
function wordOf(id: string): string {
  return id.replace('_', '');
}
