/**
 * Where the servers of a test keep everything: in their data folders, or, with `KUVERT_TEST_STORE=mongodb`, each in a database of its own
 * of one MongoDB: the one in `MONGODB_URL`, else a wire double for each test. So whatever was written for the one engine can be run on the other.
 * The double and the driver are read only then: most files of tests need neither.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { MongoDouble } from './mongo-double/index.ts';

/** @see the head of this file */
export class StoreUnderTest implements AsyncDisposable {
  readonly #folder: () => string;
  #double: MongoDouble | undefined;
  #url: string | undefined;

  /** @param folder where the double keeps its file; made when it is needed */
  constructor(folder: () => string) {
    this.#folder = folder;
  }

  /** Whether tests were asked to run on MongoDB. */
  static get isMongo(): boolean {
    return process.env.KUVERT_TEST_STORE === 'mongodb';
  }

  /** To be awaited before {@link StoreUnderTest.addressFor} is asked. */
  async start(): Promise<void> {
    if (!StoreUnderTest.isMongo || this.#url !== undefined) return;
    if (process.env.MONGODB_URL) {
      this.#url = process.env.MONGODB_URL;
      return;
    }
    const folder = this.#folder();
    mkdirSync(folder, { recursive: true });
    const { startMongoDouble } = await import('./mongo-double/index.ts');
    this.#double = await startMongoDouble({ dataFile: join(folder, 'double.log') });
    this.#url = this.#double.url;
  }

  /** The database for a data folder; undefined where everything lies in that folder. */
  addressFor(dataFolder: string): string | undefined {
    if (this.#url === undefined) return undefined;
    const [head = '', options] = this.#url.split('?');
    const name = `kuvert_${createHash('sha256').update(dataFolder).digest('hex').slice(0, 16)}`;
    return `${head.replace(/\/[^/]*$/, '')}/${name}${options === undefined ? '' : `?${options}`}`;
  }

  /** Everything that lies there of one tenant. */
  async bytesOf(dataFolder: string, tenantId: string): Promise<Buffer> {
    const address = this.addressFor(dataFolder);
    if (address === undefined) {
      const folder = join(dataFolder, 'tenants');
      // What was committed goes on from the redo log into the file a moment later.
      while (existsSync(join(folder, `${tenantId}.db-redo`))) await setImmediate();
      return bytesOfFiles(folder, tenantId);
    }
    const { BSON, MongoClient } = await import('mongodb');
    const client = new MongoClient(address);
    try {
      const parts: Uint8Array[] = [];
      const names = (await client.db().listCollections({}, { nameOnly: true }).toArray()).map(
        ({ name }) => name,
      );
      for (const name of names.sort()) {
        const rows = client.db().collection(name).find({ t: tenantId }).sort({ _id: 1 });
        for await (const row of rows) parts.push(BSON.serialize(row));
      }
      return Buffer.concat(parts);
    } finally {
      await client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#double?.stop();
    this.#double = undefined;
    this.#url = undefined;
  }
}

function bytesOfFiles(folder: string, tenantId: string): Buffer {
  // The shared-memory file only helps readers to find their way in the log; reading alone changes it.
  const names = readdirSync(folder).filter((name) => name.startsWith(tenantId) && !name.endsWith('-shm'));
  return Buffer.concat(names.sort().map((name) => readFileSync(join(folder, name))));
}
