// Nothing that npm fetches runs while it is fetched (the Shai-Hulud worm spread by install scripts).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Packages that bring an install script and work without it, because they ship their binaries. A new one is looked at first. */
const KNOWN = ['@signalapp/libsignal-client', '@signalapp/sqlcipher'];

/**
 * @param {string} root
 * @returns {string[]} what is wrong
 */
export function findInstallScriptProblems(root) {
  const problems = [];
  const settings = readFileSync(join(root, '.npmrc'), 'utf8').split('\n');
  if (!settings.includes('ignore-scripts=true')) problems.push('.npmrc does not turn install scripts off');
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  for (const [path, entry] of Object.entries(packages)) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 13);
    if (entry.hasInstallScript && !KNOWN.includes(name)) problems.push(`${name} has an install script`);
  }
  for (const path of ['package.json']) {
    const { scripts = {} } = JSON.parse(readFileSync(join(root, path), 'utf8'));
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
      if (name in scripts) problems.push(`${path} has the script ${name}`);
    }
  }
  return problems;
}
