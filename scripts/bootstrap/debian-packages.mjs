// The programs of the operating system that tests call. On Debian `npm test` installs what is missing; where it
// cannot, it says so, and the tests that need the program fail or skip with their own words.
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Which Debian package brings which program. This is the only place where a test's program is declared. */
export const PROGRAMS = [
  { program: 'git', debianPackage: 'git' }, // Biome and turbo read the ignore file through it.
  { program: 'mount', debianPackage: 'mount' }, // Full and read-only disks are small tmpfs mounts.
  { program: 'strace', debianPackage: 'strace' }, // Failing and slow fsyncs are injected.
  { program: 'mkfs.ext4', debianPackage: 'e2fsprogs' }, // Power is cut on disks in image files.
  { program: 'setpriv', debianPackage: 'util-linux' }, // chmod does not stop root: foreign owners need another uid.
  { program: 'openssl', debianPackage: 'openssl' }, // Certificates for a database behind TLS.
  { program: 'chromium', debianPackage: 'chromium' }, // Passkeys are made and shown by a real browser.
  { program: 'rsyslogd', debianPackage: 'rsyslog-openssl' }, // Audit logs are streamed to a real collector over TLS.
  { program: 'nginx', debianPackage: 'nginx-light' }, // Proxies in front of the server are tried as they are.
  { program: 'haproxy', debianPackage: 'haproxy' },
  { program: 'caddy', debianPackage: 'caddy' },
  { program: 'tmux', debianPackage: 'tmux' }, // The chat is tried on a real terminal.
];

/**
 * @param {string} path the search path, as in the environment
 * @param {{ program: string, debianPackage: string }[]} programs
 * @returns {string[]} the packages that bring the programs that are not on the path
 */
export function listMissingDebianPackages(path = process.env.PATH ?? '', programs = PROGRAMS) {
  const folders = path.split(delimiter);
  const missing = programs.filter(
    ({ program }) => !folders.some((folder) => isExecutable(join(folder, program))),
  );
  return [...new Set(missing.map(({ debianPackage }) => debianPackage))];
}

/**
 * @param {object} task
 * @param {import('./process-family.mjs').ProcessFamily} task.family
 * @param {(line: string) => void} task.say
 */
export async function installDebianPackages({ family, say }) {
  const missing = listMissingDebianPackages();
  if (missing.length === 0) return;
  const names = missing.join(' ');
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    say(`Some tests need ${names}: please install it; it cannot be done from here.`);
    return;
  }
  say(`Installing the Debian packages ${names}.`);
  const options = { capture: true, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const update = await family.run('apt-get', ['update'], options);
  const install = await family.run(
    'apt-get',
    ['install', '-y', '--no-install-recommends', ...missing],
    options,
  );
  if (install.code !== 0) say(`${update.output}${install.output}\napt-get could not install ${names}.`);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
