/** How to reach the database, as driver options. Where they come from is the business of `config.ts`. */
import { readFileSync } from 'node:fs';
import { KuvertError } from '@kuvert/protocol';
import type { MongoClientOptions } from 'mongodb';

/** Where the database is and how we are let in. Files are PEM. */
export interface MongoSettings {
  /** `mongodb://` or `mongodb+srv://`, without a password. */
  readonly url: string;
  readonly passwordFile: string | undefined;
  readonly caFile: string | undefined;
  /** Our certificate and its key, for servers that want to see one. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

const DATABASE_DEFAULT = 'kuvert';
const POOL_MAX = 64;

/** The name of the database in a URL. */
export function databaseName(url: string): string {
  const path = url.replace(/^mongodb(\+srv)?:\/\/[^/]*\/?/, '').split('?')[0] ?? '';
  return path === '' ? DATABASE_DEFAULT : decodeURIComponent(path);
}

/** The name of the user in a URL, undefined when there is none. */
function userName(url: string): string | undefined {
  const authority = url.replace(/^mongodb(\+srv)?:\/\//, '').split('/')[0] ?? '';
  const at = authority.lastIndexOf('@');
  return at < 0 ? undefined : decodeURIComponent(authority.slice(0, at));
}

/** @throws KuvertError `config_invalid` for a file that cannot be read */
export function clientOptions(settings: MongoSettings): MongoClientOptions {
  const { url, passwordFile, caFile, certFile, keyFile } = settings;
  const username = userName(url);
  const password = passwordFile === undefined ? undefined : readPassword(passwordFile);
  return {
    appName: 'kuvert',
    ...(password === undefined || username === undefined ? {} : { auth: { username, password } }),
    ...(caFile === undefined ? {} : { tlsCAFile: readable(caFile, 'KUVERT_STORE_CA') }),
    ...(certFile === undefined ? {} : { cert: readFileSync(readable(certFile, 'KUVERT_STORE_CERT')) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(readable(keyFile, 'KUVERT_STORE_KEY')) }),
    ...(caFile === undefined && certFile === undefined ? {} : { tls: true }),
    // What we promise hangs on these, so they are not for the URL to say.
    readConcern: { level: 'majority' },
    writeConcern: { w: 'majority', journal: true },
    readPreference: 'primary',
    retryWrites: true,
    retryReads: true,
    // zlib is what CVE-2025-14847 came through, and what is sealed does not get smaller.
    compressors: ['none'],
    maxPoolSize: POOL_MAX,
    ...(/[?&]serverSelectionTimeoutMS=/i.test(url) ? {} : { serverSelectionTimeoutMS: 15_000 }),
    // How soon a new primary is noticed when the old one did not say that it steps down.
    heartbeatFrequencyMS: 2_000,
    connectTimeoutMS: 10_000,
    promoteBuffers: true,
    ignoreUndefined: true,
  };
}

function readPassword(file: string): string {
  return readFileSync(readable(file, 'KUVERT_STORE_PASSWORD_FILE'), 'utf8').replace(/\r?\n$/, '');
}

function readable(file: string, variable: string): string {
  try {
    readFileSync(file);
    return file;
  } catch (cause) {
    throw new KuvertError('config_invalid', { details: { about: `${variable} cannot be read` }, cause });
  }
}
