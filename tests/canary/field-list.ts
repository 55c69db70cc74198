/** The list of docs/fields.md, read and held against what was found in the product. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '@kuvert/testkit';
import { FIELD_CLASSES, type FieldClass, type FoundField } from './field-sources.ts';

/** A row of the list. */
export interface ListedField {
  readonly name: string;
  readonly kind: string;
  readonly fieldClass: FieldClass;
  /** Who can put a text of their own into it, or nobody (`–`). */
  readonly filledBy: 'person' | 'administrator' | '–';
  readonly note: string;
}

const FILLERS: readonly string[] = ['person', 'administrator', '–'];
/** Kinds of which nobody can see without a word what they hold. */
const NEEDS_NOTE: readonly string[] = ['text', 'bytes', 'any', 'name', 'mail', 'cursor'];
const NAMES_SOMEBODY: readonly string[] = ['name', 'mail'];
/** Kinds into which nobody can write words. */
const WORDLESS: readonly string[] = ['id', 'number', 'choice'];

const ROW =
  /^\| `(?<name>[^`]+)` \| (?<kind>[^|]*) \| (?<fieldClass>[^|]*) \| (?<filledBy>[^|]*) \|(?<note>[^|]*)\|$/;

/** Reads the list. @throws Error for a row that is none */
export function readFieldList(
  text = readFileSync(join(PROJECT_ROOT, 'docs', 'fields.md'), 'utf8'),
): ListedField[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const groups = ROW.exec(line)?.groups;
      if (groups === undefined) throw new Error(`docs/fields.md has a row that is none: ${line}`);
      const cells = Object.entries(groups).map(([name, cell]) => [name, cell.trim()] as const);
      return Object.fromEntries(cells) as unknown as ListedField;
    });
}

/** Everything in which product and list differ, each as a sentence that says what to do. */
export function problemsOf(
  found: readonly FoundField[],
  listed: readonly ListedField[],
  planted: readonly string[],
): string[] {
  const problems: string[] = [];
  const rows = new Map<string, ListedField>();
  for (const row of listed) {
    // A field may be a text or a number; then it has a row for each.
    if (rows.has(keyOf(row))) problems.push(`docs/fields.md has two rows for ${row.name}: remove one`);
    rows.set(keyOf(row), row);
  }
  const missing = found.filter((field) => !rows.has(keyOf(field)));
  if (missing.length > 0)
    problems.push(
      `docs/fields.md has no row for ${missing.length === 1 ? 'a field' : 'some fields'}. Add in its section, with class, who fills it and what it is:\n${missing.map(rowFor).join('\n')}`,
    );
  const present = new Set(found.map(keyOf));
  for (const row of listed)
    if (!present.has(keyOf(row)))
      problems.push(
        `docs/fields.md has a row for ${row.name} (${row.kind}), and there is no such field: remove it`,
      );
  for (const field of found) {
    const row = rows.get(keyOf(field));
    if (row !== undefined) problems.push(...problemsOfRow(field, row, planted));
  }
  for (const name of planted)
    if (!listed.some((row) => row.name === name && row.filledBy !== '–'))
      problems.push(
        `tests/canary/planting.ts fills ${name}, which nobody fills by docs/fields.md: correct one of them`,
      );
  return problems;
}

function problemsOfRow(field: FoundField, row: ListedField, planted: readonly string[]): string[] {
  const say = (what: string) => `docs/fields.md, ${row.name}: ${what}`;
  const problems: string[] = [];
  if (!FIELD_CLASSES.includes(row.fieldClass))
    problems.push(say(`the class must be one of ${FIELD_CLASSES.join(', ')}, not "${row.fieldClass}"`));
  else if (field.must !== undefined && row.fieldClass !== field.must)
    problems.push(say(`it is ${field.must} where it stands, and the list says ${row.fieldClass}`));
  else if (
    field.must === undefined &&
    isStored(row) &&
    ['sealed', 'blind'].includes(row.fieldClass) &&
    !isHash(row)
  )
    problems.push(
      say(
        `the list says ${row.fieldClass}, and its collection does not: declare it in \`sealed\` or \`blind\` there`,
      ),
    );
  if (NAMES_SOMEBODY.includes(row.kind) && !['sealed', 'end-to-end'].includes(row.fieldClass))
    problems.push(say('names and addresses of people are sealed or end-to-end'));
  if (!FILLERS.includes(row.filledBy))
    problems.push(say(`filled by must be one of ${FILLERS.join(', ')}, not "${row.filledBy}"`));
  if (row.note === '' && NEEDS_NOTE.includes(row.kind)) problems.push(say('say in a few words what it is'));
  const isFilled = row.filledBy !== '–';
  if (isFilled && row.fieldClass === 'clear' && !row.name.startsWith('setting'))
    problems.push(
      say('somebody fills it, so it must be sealed by the client (end-to-end) or in its collection (sealed)'),
    );
  if (isFilled && WORDLESS.includes(row.kind) && !row.name.startsWith('content'))
    problems.push(say(`nobody can write words into a field of kind ${row.kind}; filled by must be –`));
  if (isFilled && !planted.includes(row.name))
    problems.push(
      say(
        'somebody fills it: add to PLANTINGS in tests/canary/planting.ts how, through the real client or operator call (or to NO_ROOM why it can hold no text of 40 characters)',
      ),
    );
  return problems;
}

function isStored({ name }: ListedField): boolean {
  return name.startsWith('stored ');
}

/** What the server itself hashes before it stores it. */
function isHash({ fieldClass, note }: ListedField): boolean {
  return fieldClass === 'blind' && /\bhash(es)?\b/.test(note);
}

function keyOf({ name, kind }: { readonly name: string; readonly kind: string }): string {
  return `${name} ${kind}`;
}

/** The row to add, with what follows from where the field stands. */
function rowFor({ name, kind, must }: FoundField): string {
  const isWordless = WORDLESS.includes(kind);
  const fieldClass = must ?? (isWordless ? 'clear' : 'CLASS');
  return `| \`${name}\` | ${kind} | ${fieldClass} | ${isWordless ? '–' : 'WHO'} | ${isWordless ? '' : 'WHAT'} |`;
}
