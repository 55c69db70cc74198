/** Compares the tables and indexes in the files of all spaces with the declarations, for `kuvert store check`. Changes nothing. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '@signalapp/sqlcipher';
import type { CollectionLayout, LayoutDifference, SpaceName } from '../engine.ts';
import { SpaceFile } from './space-file.ts';

interface Part {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  readonly sql: string;
}

/** @param what.spaces all spaces with the keys of their files */
export function checkFiles(what: {
  readonly folder: string;
  readonly layouts: readonly CollectionLayout[];
  readonly spaces: readonly { readonly name: SpaceName; readonly key: Uint8Array }[];
}): LayoutDifference[] {
  const wanted = {
    control: freshParts(what.layouts, 'control'),
    tenants: freshParts(what.layouts, 'tenants'),
  };
  return what.spaces.flatMap(({ name, key }) => {
    const isControl = name === 'control';
    const file = join(what.folder, isControl ? 'control.db' : join('tenants', `${name}.db`));
    if (!existsSync(file)) {
      const whole = { what: 'collection', how: 'missing', collection: name, name } as const;
      return [{ space: name, ...whole }];
    }
    return compare(name, partsOf(file, key), isControl ? wanted.control : wanted.tenants);
  });
}

/** What a file that is made now has in it. */
function freshParts(layouts: readonly CollectionLayout[], spaces: 'control' | 'tenants'): Map<string, Part> {
  const folder = mkdtempSync(join(tmpdir(), 'kuvert-check-'));
  const key = new Uint8Array(32);
  const file = join(folder, 'fresh.db');
  try {
    const keyHex = Buffer.from(key).toString('hex');
    new SpaceFile({ file, keyHex, create: true, layouts, spaces, reserveBytes: 1024 * 1024 }).close();
    return partsOf(file, key);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function partsOf(file: string, key: Uint8Array): Map<string, Part> {
  const db = new Database(file);
  try {
    db.pragma('cipher_log_level = NONE');
    db.pragma(`key = "x'${Buffer.from(key).toString('hex')}'"`);
    const rows = db
      .prepare(
        'SELECT type, name, tbl_name AS "table", sql FROM sqlite_master WHERE name NOT LIKE \'sqlite_%\'',
      )
      .all<{ type: string; name: string; table: string; sql: string }>();
    return new Map(rows.map((row) => [row.name, row]));
  } finally {
    db.close();
  }
}

function compare(space: SpaceName, found: Map<string, Part>, wanted: Map<string, Part>): LayoutDifference[] {
  const differences: LayoutDifference[] = [];
  const say = (part: Part, how: LayoutDifference['how']) => {
    const what = part.type === 'table' ? 'collection' : 'index';
    const name = part.type === 'table' ? part.name : (part.name.split('/')[1] ?? part.name);
    differences.push({ space, collection: part.table, what, name, how });
  };
  for (const [name, part] of wanted) {
    const its = found.get(name);
    if (its === undefined) say(part, 'missing');
    else if (its.sql !== part.sql) say(part, 'different');
  }
  for (const [name, part] of found) if (!wanted.has(name)) say(part, 'extra');
  return differences;
}
