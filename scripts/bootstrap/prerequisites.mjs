// What must hold before anything can be installed. This file imports nothing and uses no syntax newer than
// Node 14, so that the machine that fails the check can still say why.

/** The oldest Node that can run the bootstrap; everything after it runs on the Node 26 that npm installs. */
export const NODE_MAJOR_MIN = 20;

/** The native parts of the Signal library and of SQLCipher are linked against this version of glibc. */
export const GLIBC_MIN = '2.34';

/** For these platforms a Node 26 is among the optional dependencies of the root package.json. */
export const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64'];

/**
 * @typedef {object} Machine
 * @property {string} nodeVersion such as `20.20.2`
 * @property {string} platform such as `linux-x64`
 * @property {string | undefined} glibcVersion such as `2.36`; undefined where the C library is not glibc
 */

/**
 * Describes the machine that this process runs on.
 * @returns {Machine}
 */
export function describeHere() {
  return {
    nodeVersion: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    glibcVersion: process.platform === 'linux' ? readGlibcVersion() : undefined,
  };
}

/**
 * Says in one sentence why Kuvert cannot run here, and what to do.
 * @param {Machine} machine
 * @returns {string | undefined} nothing when it can run
 */
export function findRefusal(machine) {
  if (isOlder(machine.nodeVersion, String(NODE_MAJOR_MIN))) {
    return `Kuvert needs Node ${NODE_MAJOR_MIN} or newer to start and this is Node ${machine.nodeVersion}: please install a newer Node.`;
  }
  if (PLATFORMS.indexOf(machine.platform) < 0) {
    return `Kuvert runs on ${PLATFORMS.join(', ')} and this machine is ${machine.platform}: please use one of these.`;
  }
  if (!machine.platform.startsWith('linux-')) return undefined;
  if (machine.glibcVersion === undefined) {
    return `Kuvert needs a Linux with glibc ${GLIBC_MIN} or newer and this one uses another C library (musl?): please use for example Debian 12.`;
  }
  if (isOlder(machine.glibcVersion, GLIBC_MIN)) {
    return `Kuvert needs glibc ${GLIBC_MIN} or newer and this system has ${machine.glibcVersion}: please use a newer Linux, for example Debian 12.`;
  }
  return undefined;
}

/** @returns {string | undefined} */
function readGlibcVersion() {
  if (!process.report) return undefined;
  // Without this, the report looks up host names, which can take seconds on a machine without network.
  const report = /** @type {any} */ (process.report);
  report.excludeNetwork = true;
  return report.getReport().header.glibcVersionRuntime;
}

/**
 * Compares dotted version numbers part by part; a missing part counts as zero.
 * @param {string} version
 * @param {string} bound
 */
function isOlder(version, bound) {
  const left = version.split('.').map(Number);
  const right = bound.split('.').map(Number);
  for (let i = 0; i < right.length; i++) {
    const difference = (left[i] || 0) - (right[i] || 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
