/**
 * The configuration of a server and the only reader of the environment. `docs/configuration.md` is printed from the same
 * table by {@link configurationPage}; a test compares the two.
 */
import { isIP } from 'node:net';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { type DatabaseConfig, databaseOf } from './database-config.ts';
import { isLoopback } from './loopback.ts';
import { StartError } from './start-error.ts';

/** What a server is started with. */
export interface ServerConfig {
  /** Absolute path of the data folder. */
  readonly dataFolder: string;
  /** Absolute path of the keys folder; never inside the data folder. */
  readonly keysFolder: string;
  readonly host: string;
  /** 0 takes any free port; the real one is reported once the server listens. */
  readonly port: number;
  readonly opsPort: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Where clients reach the server when a proxy in front terminates TLS; without a slash at the end. */
  readonly publicUrl: string | undefined;
  /** Addresses and networks of the proxies in front. */
  readonly trustedProxies?: readonly string[];
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  /** How many times the traffic limits of docs/limits.md hold; 1 if not given. */
  readonly trafficFactor?: number;
  /** Absolute path of a list of passwords known from breaches. */
  readonly breachedPasswordsFile?: string;
  /** Hosts inside private nets to which tenants may stream their audit logs. */
  readonly streamHosts?: readonly string[];
  /** How long audit logs keep addresses, in days; {@link AUDIT_PRESETS} if not given. */
  readonly auditAddressDays?: number;
  /** How long audit logs keep entries, in years. */
  readonly auditYears?: number;
  /** Writer threads of the store; the engine's own choice if not given. */
  readonly storeThreads?: number;
  /** Absolute path of the folder of the ledger (ledger/ledger.ts); default: in the keys folder. */
  readonly ledgerFolder?: string;
  /** Absolute path of the folder of sealed files; default: `blobs` in the data folder. */
  readonly blobsFolder?: string;
  /** What the sealed files of one tenant may take, in bytes; {@link ATTACHMENT_BYTES_PRESET} if not given. */
  readonly attachmentBytesMax?: number;
  /** The database that holds everything, or undefined for files in the data folder. */
  readonly database?: DatabaseConfig | undefined;
}

/** What the sealed files of one tenant may take, unless told, in bytes. */
export const ATTACHMENT_BYTES_PRESET = 100 * 2 ** 30;

/** How long audit logs keep what they hold, unless told. */
export const AUDIT_PRESETS = { addressDays: 90, years: 10 } as const;

const port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((value) => value <= 65_535);
const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/)
    .transform(Number)
    .refine((value) => value >= least && value <= most);
const path = z.string().min(1).max(4_096);

/** An address, or a network as address and number of bits. */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

const httpsOrigin = z
  .url({ protocol: /^https$/ })
  .refine((text) => new URL(text).pathname === '/' && new URL(text).search === '')
  .transform((text) => new URL(text).origin);

interface Setting<S extends z.ZodType> {
  readonly schema: S;
  /** What the value may be, for people. */
  readonly form: string;
  readonly preset: string | undefined;
  readonly about: string;
}

function setting<S extends z.ZodType>(
  schema: S,
  form: string,
  preset: string | undefined,
  about: string,
): Setting<S> {
  return { schema, form, preset, about };
}

const SETTINGS = {
  KUVERT_DATA: setting(
    path,
    'a folder',
    './data',
    'Where everything is stored. One server uses it at a time. Back it up with the server stopped, and apart from the keys.',
  ),
  KUVERT_KEYS: setting(
    path,
    'a folder outside KUVERT_DATA',
    './keys',
    'The key-encryption key and the operator key. Without it the data cannot be opened, and with it everybody can: keep a copy in a safe place, never beside a backup of the data.',
  ),
  KUVERT_PORT: setting(port, '0 to 65535', '8420', 'Where clients connect. 0 takes any free port.'),
  KUVERT_HOST: setting(
    z.string().min(1).max(253),
    'an address or host name of this machine',
    '127.0.0.1',
    'The address to listen on. Anything that is reachable from other machines needs KUVERT_TLS_CERT and KUVERT_TLS_KEY, or KUVERT_PUBLIC_URL.',
  ),
  KUVERT_OPS_PORT: setting(
    port,
    '0 to 65535',
    '8421',
    'Health (`/livez`, `/readyz`), [metrics](metrics.md) and operator calls, on 127.0.0.1 only. 0 takes any free port.',
  ),
  KUVERT_TLS_CERT: setting(path, 'a PEM file', undefined, 'Certificate chain. Goes with KUVERT_TLS_KEY.'),
  KUVERT_TLS_KEY: setting(
    path,
    'a PEM file',
    undefined,
    'Private key of the certificate. Goes with KUVERT_TLS_CERT.',
  ),
  KUVERT_PUBLIC_URL: setting(
    httpsOrigin,
    'https://host or https://host:port',
    undefined,
    'Where clients reach the server when a proxy in front of it terminates TLS.',
  ),
  KUVERT_TRUSTED_PROXIES: setting(
    z
      .string()
      .max(2_000)
      .transform((text) => text.split(',').map((one) => one.trim()))
      .refine((list) => list.length <= 50 && list.every(isNetwork)),
    'addresses or networks such as 10.0.0.0/8, with commas',
    undefined,
    'Proxies whose `X-Forwarded-For` says where somebody comes from ([operating.md](operating.md)). From anybody else the header does not count.',
  ),
  KUVERT_TRAFFIC_FACTOR: setting(
    z
      .string()
      .regex(/^\d{1,6}(\.\d{1,3})?$/)
      .transform(Number)
      .refine((value) => value > 0),
    'a number above 0, up to 999999',
    '1',
    'How many times the traffic limits of [limits.md](limits.md) hold: what one device may send one person, and what one person may be sent. More for machines that write a lot.',
  ),
  KUVERT_STORE_THREADS: setting(
    z
      .string()
      .regex(/^\d{1,2}$/)
      .transform(Number)
      .refine((value) => value >= 1 && value <= 16),
    '1 to 16',
    undefined,
    'Threads that write to the store; each tenant is on one of them. Not set: 4. More only help with many tenants on a disk that flushes several files at once.',
  ),
  KUVERT_BREACHED_PASSWORDS: setting(
    path,
    'a file',
    undefined,
    'Passwords known from breaches, which no administrator may choose: lines of SHA-1 in hex, in order, as the list of Have I Been Pwned. It is searched where it lies, without a network. Not set: only the common passwords that come with Kuvert are refused.',
  ),
  KUVERT_STREAM_HOSTS: setting(
    z
      .string()
      .max(4_096)
      .transform((text) => text.split(',').map((host) => host.trim()))
      .refine((hosts) => hosts.every((host) => /^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/.test(host))),
    'hosts, with commas between',
    undefined,
    'Collectors inside private nets to which tenants may stream their audit logs ([audit.md](audit.md)), by the names or addresses that they give. Not set: only the operator may, and tenants reach the world outside alone.',
  ),
  KUVERT_AUDIT_ADDRESS_DAYS: setting(
    wholeNumber(1, 180),
    '1 to 180',
    String(AUDIT_PRESETS.addressDays),
    'Days after which addresses go from the [audit logs](audit.md), with an entry that proves it. Holds for what is there already, too.',
  ),
  KUVERT_AUDIT_YEARS: setting(
    wholeNumber(1, 30),
    '1 to 30',
    String(AUDIT_PRESETS.years),
    'Years (of 366 days) after which entries go from the [audit logs](audit.md), with an entry that proves it; their leaves stay. Ten is the longest term that German law sets for books. Holds for what is there already, too: less deletes.',
  ),
  KUVERT_LEDGER: setting(
    path,
    'a folder outside KUVERT_DATA',
    undefined,
    'Where revocations are noted a second time, so that a restore does not undo them ([operating.md](operating.md)). Not set: `ledger` in KUVERT_KEYS. Servers on one database may share it.',
  ),
  KUVERT_BLOBS: setting(
    path,
    'a folder outside KUVERT_KEYS',
    undefined,
    'Where sealed files lie until they expire. Not set: `blobs` in KUVERT_DATA. Servers on one database need one folder that all of them see.',
  ),
  KUVERT_ATTACHMENT_GB: setting(
    z
      .string()
      .regex(/^\d{1,6}$/)
      .transform(Number)
      .refine((value) => value >= 1),
    '1 to 999999',
    '100',
    'What the sealed files of one tenant may take, in GB (2³⁰ bytes). Beyond it devices are asked to try again later.',
  ),
  KUVERT_STORE: setting(
    z
      .string()
      .max(4_096)
      .refine((text) => text === 'files' || /^mongodb(\+srv)?:\/\/[^/\s]\S*$/.test(text)),
    'files, or a mongodb:// or mongodb+srv:// address without a password',
    'files',
    'Where everything is stored: encrypted files in KUVERT_DATA, or a MongoDB that any number of servers share ([operating-mongodb.md](operating-mongodb.md)). The path of the address names the database, `kuvert` if there is none.',
  ),
  KUVERT_STORE_PASSWORD_FILE: setting(
    path,
    'a file',
    undefined,
    'The password of the user in KUVERT_STORE, on one line. A password is never taken from an address, because addresses are seen in lists of processes.',
  ),
  KUVERT_STORE_CA: setting(
    path,
    'a PEM file',
    undefined,
    'Authorities that may have signed the certificate of the database. Not set: those of Node.',
  ),
  KUVERT_STORE_CERT: setting(
    path,
    'a PEM file',
    undefined,
    'Certificate that the server shows the database. Goes with KUVERT_STORE_KEY.',
  ),
  KUVERT_STORE_KEY: setting(path, 'a PEM file', undefined, 'Private key of KUVERT_STORE_CERT.'),
  KUVERT_LOG_LEVEL: setting(
    z.enum(['error', 'warn', 'info', 'debug']),
    'error, warn, info or debug',
    undefined,
    'How much is logged, as JSON lines on standard error. Not set: info, and warn where standard error is a terminal. No level logs names, addresses or content.',
  ),
} as const;

type Settings = typeof SETTINGS;
type SettingName = keyof Settings;
type Values = { [N in SettingName]: z.output<Settings[N]['schema']> | undefined };

/**
 * Reads the configuration. An empty variable counts as one that is not set.
 *
 * @param place.folder what relative paths start from
 * @param place.onTerminal a person sees the log between other things, so less of it is shown
 * @throws StartError `config_invalid` with the variable's name, `tls_required`
 */
export function readConfig(
  environment: { readonly [name: string]: string | undefined } = process.env,
  place: { readonly folder: string; readonly onTerminal: boolean } = {
    folder: process.cwd(),
    onTerminal: process.stderr.isTTY === true,
  },
): ServerConfig {
  const values = {} as Record<SettingName, unknown>;
  for (const [name, { schema, preset, form }] of Object.entries(SETTINGS)) {
    const text = environment[name] || preset;
    const parsed = text === undefined ? undefined : schema.safeParse(text);
    if (parsed?.success === false)
      throw new StartError('config_invalid', { about: `${name} must be ${form}` });
    values[name as SettingName] = parsed?.data;
  }
  return toConfig(values as Values, place);
}

function toConfig(
  values: Values,
  place: { readonly folder: string; readonly onTerminal: boolean },
): ServerConfig {
  const at = (file: string): string => (isAbsolute(file) ? file : resolve(place.folder, file));
  const { KUVERT_TLS_CERT: cert, KUVERT_TLS_KEY: key, KUVERT_PUBLIC_URL: publicUrl } = values;
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? 'KUVERT_TLS_CERT' : 'KUVERT_TLS_KEY';
    throw new StartError('config_invalid', { about: `${missing} is missing` });
  }
  const host = values.KUVERT_HOST as string;
  const tls = cert === undefined || key === undefined ? undefined : { certFile: at(cert), keyFile: at(key) };
  if (!isLoopback(host) && tls === undefined && publicUrl === undefined) {
    throw new StartError('tls_required', { about: `KUVERT_HOST ${host}` });
  }
  return {
    dataFolder: at(values.KUVERT_DATA as string),
    keysFolder: at(values.KUVERT_KEYS as string),
    host,
    port: values.KUVERT_PORT as number,
    opsPort: values.KUVERT_OPS_PORT as number,
    tls,
    publicUrl,
    ...(values.KUVERT_TRUSTED_PROXIES === undefined ? {} : { trustedProxies: values.KUVERT_TRUSTED_PROXIES }),
    trafficFactor: values.KUVERT_TRAFFIC_FACTOR as number,
    ...(values.KUVERT_BREACHED_PASSWORDS === undefined
      ? {}
      : { breachedPasswordsFile: at(values.KUVERT_BREACHED_PASSWORDS) }),
    ...(values.KUVERT_AUDIT_ADDRESS_DAYS === undefined
      ? {}
      : { auditAddressDays: values.KUVERT_AUDIT_ADDRESS_DAYS }),
    ...(values.KUVERT_AUDIT_YEARS === undefined ? {} : { auditYears: values.KUVERT_AUDIT_YEARS }),
    ...(values.KUVERT_STREAM_HOSTS === undefined ? {} : { streamHosts: values.KUVERT_STREAM_HOSTS }),
    ...(values.KUVERT_STORE_THREADS === undefined ? {} : { storeThreads: values.KUVERT_STORE_THREADS }),
    ledgerFolder: at(values.KUVERT_LEDGER ?? join(values.KUVERT_KEYS as string, 'ledger')),
    ...(values.KUVERT_BLOBS === undefined ? {} : { blobsFolder: at(values.KUVERT_BLOBS) }),
    attachmentBytesMax: (values.KUVERT_ATTACHMENT_GB as number) * 2 ** 30,
    database: databaseOf(values, at),
    logLevel: values.KUVERT_LOG_LEVEL ?? (place.onTerminal ? 'warn' : 'info'),
  };
}

/**
 * The configuration with everything stored in another place, for `kuvert store`: a `mongodb://` address, for which the other settings of
 * the environment hold, or a data folder.
 * @throws StartError `config_invalid`
 */
export function readConfigFor(
  address: string,
  environment: { readonly [name: string]: string | undefined } = process.env,
): ServerConfig {
  if (/^mongodb(\+srv)?:/.test(address)) return readConfig({ ...environment, KUVERT_STORE: address });
  const others = Object.entries(environment).filter(([name]) => !name.startsWith('KUVERT_STORE'));
  return readConfig({ ...Object.fromEntries(others), KUVERT_DATA: address });
}

/** The page `docs/configuration.md`, as Markdown. */
export function configurationPage(): string {
  const rows = Object.entries(SETTINGS).map(
    ([name, { form, preset, about }]) =>
      `| \`${name}\` | ${form} | ${preset === undefined ? 'not set' : `\`${preset}\``} | ${about} |`,
  );
  return `# Configuration

A server is configured by environment variables. Relative paths start from the folder in which the server was started. A value that is
not valid ends the start with one sentence that names the variable. This page is printed by \`apps/server/src/config.ts\`; a test
holds it against the code.

| variable | value | without it | what for |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
