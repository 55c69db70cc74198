// Secrets that do not belong into a repository: private keys, access tokens of well-known services, enrolment tokens of our own, and
// anything in code that looks like a raw key.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** Larger files are data, and there are none in this repository. */
const FILE_BYTES_MAX = 4_194_304;

/** Where long hex and tokens are data: tests and the examples that other clients are tested with. Nothing else is excepted. */
const IS_DATA =
  /(\.test\.ts$|(^|\/)(vectors|[a-z-]*-?vectors)(\/|\.json$)|(^|\/)test-[a-z-]+\.json$|^docs\/formats\.md$)/;

/** @type {readonly { kind: string, pattern: RegExp, isReal?: (text: string) => boolean, notIn?: RegExp }[]} */
const SECRETS = [
  { kind: 'private key', pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{16}/g },
  {
    kind: 'enrolment token',
    pattern: /kuvert1_[A-Za-z0-9_-]{170,200}/g,
    isReal: isEnrolmentToken,
    notIn: IS_DATA,
  },
  { kind: 'AWS key', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g },
  { kind: 'GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b/g },
  { kind: 'npm token', pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { kind: 'Slack token', pattern: /\bxox[abprs]-[A-Za-z0-9-]{20,}/g },
  { kind: 'Google key', pattern: /\bAIza[0-9A-Za-z_-]{35}\b/g },
  { kind: 'JSON web token', pattern: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}/g },
  {
    kind: 'password in an address',
    pattern: /\b[a-z][a-z0-9+]*:\/\/[^\s/:@'"`$<>]+:[^\s/:@'"`$<>]{6,}@[a-z0-9.-]+/gi,
  },
  {
    kind: 'raw key',
    pattern: /(?<![0-9a-fA-F])[0-9a-fA-F]{64,}(?![0-9a-fA-F])/g,
    isReal: isRandomHex,
    notIn: IS_DATA,
  },
];

/**
 * Secrets in one file, as `path:line: kind`; never the secret itself.
 * @param {string} path
 * @param {string} text
 * @returns {string[]}
 */
export function findSecretsIn(path, text) {
  const found = [];
  for (const { kind, pattern, isReal, notIn } of SECRETS) {
    if (notIn?.test(path)) continue;
    for (const match of text.matchAll(pattern)) {
      if (isReal && !isReal(match[0])) continue;
      found.push(`${path}:${text.slice(0, match.index).split('\n').length}: ${kind}`);
    }
  }
  return found;
}

/**
 * Secrets in all files that git knows or would take.
 * @param {string} root
 */
export function findSecrets(root) {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 16 * 1_048_576,
  });
  const paths = list.split('\0').filter((path) => path !== '' && path !== 'package-lock.json');
  const found = paths.flatMap((path) => {
    const file = join(root, path);
    const facts = statSync(file, { throwIfNoEntry: false });
    if (!facts?.isFile() || facts.size > FILE_BYTES_MAX) return [];
    return findSecretsIn(path, readFileSync(file, 'utf8'));
  });
  return { count: paths.length, found };
}

/**
 * Examples in documents have no right checksum; a token that somebody made has one.
 * @param {string} text
 */
function isEnrolmentToken(text) {
  const bytes = Buffer.from(text.slice('kuvert1_'.length), 'base64url');
  return bytes.length === 135 && crc32(bytes.subarray(0, 131)) === bytes.readUInt32BE(131);
}

/**
 * Zeros, counted-up bytes and curve constants are no keys. Of random hex each digit makes up about a sixteenth.
 * @param {string} text
 */
function isRandomHex(text) {
  const counts = new Map();
  for (const digit of text.toLowerCase()) counts.set(digit, (counts.get(digit) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits > 3.4;
}
