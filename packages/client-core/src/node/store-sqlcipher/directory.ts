import type { PinnedAccount } from '@kuvert/crypto/identity';
import {
  type CborValue,
  type DeviceId,
  type DeviceList,
  decodeCbor,
  encodeCbor,
  type ListedDevice,
  type Person,
  type PersonId,
  type RequestId,
} from '@kuvert/protocol';
import type { DirectoryStore, FormerDevice, KnownAccount } from '../../store.ts';
import { bytes, number, type Row, type Sql, text } from './rows.ts';

/** @see DirectoryStore */
export class SqlDirectoryStore implements DirectoryStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  putPerson(person: Person): void {
    const { personId, mail, name } = person;
    this.#sql.run(
      'INSERT OR REPLACE INTO person (person, mail, name) VALUES (?, ?, ?)',
      personId,
      mail,
      name,
    );
  }
  findPersonByMail(mail: string): Person | undefined {
    const row = this.#sql.get('SELECT * FROM person WHERE mail = ?', mail);
    return row && personOf(row);
  }
  getPerson(personId: PersonId): Person | undefined {
    const row = this.#sql.get('SELECT * FROM person WHERE person = ?', personId);
    return row && personOf(row);
  }
  listPeople(): Person[] {
    return this.#sql.all('SELECT * FROM person ORDER BY name, mail LIMIT 10000').map(personOf);
  }

  putAccount({ personId, pin, list, inactive }: KnownAccount): void {
    const accountKey = Uint8Array.from(pin.accountKey);
    const listed = new Set(list.devices.map(({ device }) => device));
    this.#sql.transaction(() => {
      const gone = this.getAccount(personId)?.list.devices.filter(({ device }) => !listed.has(device)) ?? [];
      for (const entry of gone) {
        this.#sql.run(
          'UPDATE device SET entry = ?, removed_at = ? WHERE device = ? AND person = ?',
          encodeCbor(entry as unknown as CborValue),
          list.issuedAt,
          entry.device,
          personId,
        );
      }
      this.#sql.run(
        'INSERT OR REPLACE INTO account (person, account_key, version, hash, list, inactive) VALUES (?, ?, ?, ?, ?, ?)',
        personId,
        accountKey,
        pin.version,
        Uint8Array.from(pin.hash),
        encodeCbor(list as CborValue),
        inactive.join(' '),
      );
      // Whoever first showed a signed list with a device in it keeps it: a second person cannot claim it.
      for (const { device } of list.devices) {
        this.#sql.run('INSERT OR IGNORE INTO device (device, person) VALUES (?, ?)', device, personId);
      }
    });
  }
  getAccount(personId: PersonId): KnownAccount | undefined {
    const row = this.#sql.get('SELECT * FROM account WHERE person = ?', personId);
    return (
      row && {
        personId,
        pin: {
          accountKey: bytes(row, 'account_key'),
          version: number(row, 'version'),
          hash: bytes(row, 'hash'),
        },
        list: decodeCbor(bytes(row, 'list')) as unknown as DeviceList,
        inactive: text(row, 'inactive').split(' ').filter(Boolean) as DeviceId[],
      }
    );
  }
  getPin(personId: PersonId): PinnedAccount | undefined {
    const row = this.#sql.get('SELECT account_key, version, hash FROM account WHERE person = ?', personId);
    return (
      row && {
        accountKey: bytes(row, 'account_key'),
        version: number(row, 'version'),
        hash: bytes(row, 'hash'),
      }
    );
  }
  findOwner(device: DeviceId): PersonId | undefined {
    const row = this.#sql.get('SELECT person FROM device WHERE device = ?', device);
    return row && text<PersonId>(row, 'person');
  }
  putFormer({ personId, entry, removedAtMs }: FormerDevice): void {
    this.#sql.run(
      'INSERT INTO device (device, person, entry, removed_at) VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET entry = excluded.entry, removed_at = excluded.removed_at WHERE person = excluded.person',
      entry.device,
      personId,
      encodeCbor(entry as unknown as CborValue),
      removedAtMs,
    );
  }
  findFormer(device: DeviceId): FormerDevice | undefined {
    const row = this.#sql.get(
      'SELECT person, entry, removed_at FROM device WHERE device = ? AND entry IS NOT NULL',
      device,
    );
    return (
      row && {
        personId: text<PersonId>(row, 'person'),
        entry: decodeCbor(bytes(row, 'entry')) as unknown as ListedDevice,
        removedAtMs: number(row, 'removed_at'),
      }
    );
  }

  getTake(personId: PersonId): { requestId: RequestId; atMs: number } | undefined {
    const row = this.#sql.get('SELECT request, at FROM take WHERE person = ?', personId);
    return row && { requestId: text<RequestId>(row, 'request'), atMs: number(row, 'at') };
  }
  putTake(personId: PersonId, requestId: RequestId, atMs: number): void {
    this.#sql.run(
      'INSERT OR REPLACE INTO take (person, request, at) VALUES (?, ?, ?)',
      personId,
      requestId,
      atMs,
    );
  }
  deleteTake(personId: PersonId): void {
    this.#sql.run('DELETE FROM take WHERE person = ?', personId);
  }
}

function personOf(row: Row): Person {
  return { personId: text<PersonId>(row, 'person'), name: text(row, 'name'), mail: text(row, 'mail') };
}
