/** The part of the configuration that is about a database, and what its address may not say. */
import { isLoopback } from './loopback.ts';
import { StartError } from './start-error.ts';

/** A MongoDB and how it lets us in. Paths are absolute. */
export interface DatabaseConfig {
  /** Without a password. */
  readonly url: string;
  readonly passwordFile: string | undefined;
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** The settings of config.ts that this is about. */
type DatabaseSettings = {
  readonly [N in
    | 'KUVERT_STORE'
    | 'KUVERT_STORE_PASSWORD_FILE'
    | 'KUVERT_STORE_CA'
    | 'KUVERT_STORE_CERT'
    | 'KUVERT_STORE_KEY']: string | undefined;
};

/** What the address of a database may not say, because what Kuvert promises hangs on it, or anybody could listen or answer. */
const FORBIDDEN_OPTIONS =
  /^(w|journal|wtimeoutms|readconcernlevel|readpreference.*|retrywrites|compressors|zlib.*|loadbalanced|tlsinsecure|tlsallow.*|ssl.*validate|authmechanismproperties|tls.*file.*)$/;

/**
 * What the settings say of a database; undefined where everything lies in files.
 * @param at makes a path absolute
 * @throws StartError `config_invalid`
 */
export function databaseOf(
  values: DatabaseSettings,
  at: (file: string) => string,
): DatabaseConfig | undefined {
  const url = values.KUVERT_STORE ?? 'files';
  const files = {
    KUVERT_STORE_PASSWORD_FILE: values.KUVERT_STORE_PASSWORD_FILE,
    KUVERT_STORE_CA: values.KUVERT_STORE_CA,
    KUVERT_STORE_CERT: values.KUVERT_STORE_CERT,
    KUVERT_STORE_KEY: values.KUVERT_STORE_KEY,
  };
  if (url === 'files') {
    for (const [name, file] of Object.entries(files)) {
      if (file !== undefined)
        throw new StartError('config_invalid', {
          about: `${name} is set, but KUVERT_STORE names no database`,
        });
    }
    return undefined;
  }
  const { KUVERT_STORE_CERT: cert, KUVERT_STORE_KEY: key } = files;
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? 'KUVERT_STORE_CERT' : 'KUVERT_STORE_KEY';
    throw new StartError('config_invalid', { about: `${missing} is missing` });
  }
  checkAddress(url, {
    hasPassword: files.KUVERT_STORE_PASSWORD_FILE !== undefined,
    hasCa: files.KUVERT_STORE_CA !== undefined,
  });
  const place = (file: string | undefined) => (file === undefined ? undefined : at(file));
  return {
    url,
    passwordFile: place(files.KUVERT_STORE_PASSWORD_FILE),
    caFile: place(files.KUVERT_STORE_CA),
    certFile: place(cert),
    keyFile: place(key),
  };
}

/** Never repeats the address: somebody may have put a password in it after all. */
function checkAddress(url: string, given: { readonly hasPassword: boolean; readonly hasCa: boolean }): void {
  const invalid = (about: string) => new StartError('config_invalid', { about: `KUVERT_STORE ${about}` });
  const [scheme = '', rest = ''] = url.split('://');
  const authority = rest.split(/[/?]/)[0] ?? '';
  const user = authority.includes('@') ? authority.slice(0, authority.lastIndexOf('@')) : undefined;
  if (user?.includes(':'))
    throw invalid('holds a password; put it into a file and name that with KUVERT_STORE_PASSWORD_FILE');
  if (given.hasPassword && user === undefined)
    throw invalid('names no user for the password in KUVERT_STORE_PASSWORD_FILE');
  const options = new URLSearchParams(rest.split('?')[1] ?? '');
  for (const name of options.keys()) {
    if (FORBIDDEN_OPTIONS.test(name.toLowerCase()))
      throw invalid(`has the option ${name}, which is not for an address to decide`);
  }
  const tls = options.get('tls') ?? options.get('ssl');
  const hosts = authority.slice(authority.lastIndexOf('@') + 1).split(',');
  const isNear = hosts.every((host) => isLoopback(host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')));
  if (scheme === 'mongodb' && !isNear && tls === null && !given.hasCa)
    throw invalid(
      'has to say tls=true for a database on another machine, or tls=false where nobody can listen in between',
    );
}
