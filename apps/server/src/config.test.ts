import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationPage, readConfig } from './config.ts';
import { sentenceOfStartFailure } from './start-error.ts';

const read = (environment: Record<string, string>, onTerminal = false) =>
  readConfig(environment, { folder: '/srv/kuvert', onTerminal });

function sentence(environment: Record<string, string>): string {
  try {
    read(environment);
  } catch (error) {
    return sentenceOfStartFailure(error);
  }
  throw new Error('the configuration was accepted');
}

test('C12 without any setting a server serves this machine only', () => {
  expect(read({})).toEqual({
    attachmentBytesMax: 100 * 2 ** 30,
    auditAddressDays: 90,
    auditYears: 10,
    dataFolder: '/srv/kuvert/data',
    keysFolder: '/srv/kuvert/keys',
    host: '127.0.0.1',
    port: 8420,
    opsPort: 8421,
    tls: undefined,
    publicUrl: undefined,
    trafficFactor: 1,
    ledgerFolder: '/srv/kuvert/keys/ledger',
    logLevel: 'info',
  });
  expect(read({}, true).logLevel).toBe('warn');
  expect(read({ KUVERT_LOG_LEVEL: 'debug' }, true).logLevel).toBe('debug');
  expect(read({ KUVERT_PORT: '', KUVERT_DATA: '/elsewhere' })).toMatchObject({
    port: 8420,
    dataFolder: '/elsewhere',
  });
});

test('F9 the terms of audit logs are settings with bounds: no address is kept beyond half a year, no entry goes within a year', () => {
  expect(read({ KUVERT_AUDIT_ADDRESS_DAYS: '180', KUVERT_AUDIT_YEARS: '1' })).toMatchObject({
    auditAddressDays: 180,
    auditYears: 1,
  });
  for (const bad of ['0', '181', '-1', '1.5', 'ten', '1e2'])
    expect(sentence({ KUVERT_AUDIT_ADDRESS_DAYS: bad })).toContain('KUVERT_AUDIT_ADDRESS_DAYS');
  for (const bad of ['0', '31', '0x5'])
    expect(sentence({ KUVERT_AUDIT_YEARS: bad })).toContain('KUVERT_AUDIT_YEARS');
});

test.each([
  ['KUVERT_PORT', '65536'],
  ['KUVERT_PORT', '-1'],
  ['KUVERT_PORT', '80a'],
  ['KUVERT_OPS_PORT', '1e3'],
  ['KUVERT_LOG_LEVEL', 'loud'],
  ['KUVERT_PUBLIC_URL', 'http://kuvert.example'],
  ['KUVERT_PUBLIC_URL', 'https://kuvert.example/path'],
])('C12 %s=%s is refused in one sentence that names the variable', (name, value) => {
  const text = sentence({ [name]: value });
  expect(text).toMatch(/^A setting is not valid \(.*\)\.$/);
  expect(text).toContain(name);
});

test('B3 listening beyond this machine needs TLS files or a proxy in front', () => {
  expect(sentence({ KUVERT_HOST: '0.0.0.0' })).toMatch(
    /^To listen beyond this machine.*KUVERT_HOST 0\.0\.0\.0\)\.$/,
  );
  expect(sentence({ KUVERT_HOST: '127.0.0.1.evil.example' })).toContain('beyond this machine');
  expect(sentence({ KUVERT_HOST: '0.0.0.0', KUVERT_TLS_CERT: 'c.pem' })).toContain(
    'KUVERT_TLS_KEY is missing',
  );
  expect(read({ KUVERT_HOST: '0.0.0.0', KUVERT_PUBLIC_URL: 'https://kuvert.example/' }).publicUrl).toBe(
    'https://kuvert.example',
  );
  expect(read({ KUVERT_HOST: '::', KUVERT_TLS_CERT: 'c.pem', KUVERT_TLS_KEY: '/k.pem' }).tls).toEqual({
    certFile: '/srv/kuvert/c.pem',
    keyFile: '/k.pem',
  });
});

test('H2 a database is named by one variable, and its credentials by files', () => {
  expect(read({ KUVERT_STORE: 'mongodb://127.0.0.1:27017' }).database).toEqual({
    url: 'mongodb://127.0.0.1:27017',
    passwordFile: undefined,
    caFile: undefined,
    certFile: undefined,
    keyFile: undefined,
  });
  expect(
    read({
      KUVERT_STORE: 'mongodb://kuvert@a.test,b.test/chat?replicaSet=rs0&tls=true',
      KUVERT_STORE_PASSWORD_FILE: 'secret',
      KUVERT_STORE_CA: '/ca.pem',
      KUVERT_STORE_CERT: 'c.pem',
      KUVERT_STORE_KEY: 'k.pem',
    }).database,
  ).toEqual({
    url: 'mongodb://kuvert@a.test,b.test/chat?replicaSet=rs0&tls=true',
    passwordFile: '/srv/kuvert/secret',
    caFile: '/ca.pem',
    certFile: '/srv/kuvert/c.pem',
    keyFile: '/srv/kuvert/k.pem',
  });
  expect(read({ KUVERT_STORE: 'files' }).database).toBeUndefined();
  expect(read({ KUVERT_STORE: 'mongodb+srv://kuvert@cluster.test/' }).database).toBeDefined();
});

test.each([
  [`mongodb://kuvert:${'hunter2'}@127.0.0.1/`, 'KUVERT_STORE_PASSWORD_FILE'],
  [`mongodb://kuvert:${'p%40ss'}@h1.test,h2.test/?tls=true`, 'KUVERT_STORE_PASSWORD_FILE'],
  ['mongodb://db.test/', 'tls=true'],
  ['mongodb://127.0.0.1,db.test/', 'tls=true'],
  ['mongodb://127.0.0.1/?w=1', 'option w'],
  ['mongodb://127.0.0.1/?journal=false', 'option journal'],
  ['mongodb://127.0.0.1/?compressors=zlib', 'option compressors'],
  ['mongodb://127.0.0.1/?readPreference=secondary', 'option readPreference'],
  ['mongodb://db.test/?tls=true&tlsAllowInvalidCertificates=true', 'option tlsAllow'],
  ['postgres://127.0.0.1/', 'KUVERT_STORE must be'],
  ['mongodb://', 'KUVERT_STORE must be'],
  ['mongodb://127.0.0.1 :27017/', 'KUVERT_STORE must be'],
  [' mongodb://127.0.0.1/', 'KUVERT_STORE must be'],
])('H2 KUVERT_STORE=%s is refused with what to do, and never repeated', (address, what) => {
  const text = sentence({ KUVERT_STORE: address });
  expect(text).toContain(what);
  expect(text).not.toContain('hunter2');
  expect(text).not.toContain('p%40ss');
});

test('H2 files for a database that is not named, and half a pair of them, are named as what they are', () => {
  expect(sentence({ KUVERT_STORE_CA: '/ca.pem' })).toContain('KUVERT_STORE_CA is set, but');
  expect(sentence({ KUVERT_STORE: 'mongodb://127.0.0.1/', KUVERT_STORE_CERT: '/c.pem' })).toContain(
    'KUVERT_STORE_KEY is missing',
  );
  expect(sentence({ KUVERT_STORE: 'mongodb://127.0.0.1/', KUVERT_STORE_PASSWORD_FILE: '/p' })).toContain(
    'names no user',
  );
});

test('C12 docs/configuration.md is what the code says', () => {
  expect(readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')).toBe(
    configurationPage(),
  );
});
