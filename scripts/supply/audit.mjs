// Known weaknesses of what is shipped, as the registry knows them. Registries that only pass packages on often cannot be asked; then
// the audit is skipped and says why, because an audit that could not be done is not one that found nothing.
import { runNpm } from './npm.mjs';

/** From this severity on the build fails. */
const FAILS = ['high', 'critical'];

/**
 * @typedef {{ state: 'unavailable', reason: string } | { state: 'done', serious: string[], total: number }} Audit
 */

/**
 * Asks the registry.
 * @param {string} root
 * @returns {Promise<Audit>}
 */
export async function runAudit(root) {
  const { stdout } = await runNpm(root, [
    'audit',
    '--json',
    '--omit=dev',
    '--fetch-retries=0',
    '--fetch-timeout=60000',
  ]);
  return readAudit(stdout);
}

/**
 * What npm said to `npm audit --json`.
 * @param {string} text
 * @returns {Audit}
 */
export function readAudit(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    return { state: 'unavailable', reason: 'npm gave no report' };
  }
  if (report.auditReportVersion !== 2 || typeof report.vulnerabilities !== 'object') {
    const status = report.statusCode ?? report.error?.code;
    return {
      state: 'unavailable',
      reason: status === undefined ? 'the registry cannot be asked' : `the registry answered ${status}`,
    };
  }
  const all = Object.values(report.vulnerabilities);
  const serious = all
    .filter(({ severity }) => FAILS.includes(severity))
    .map(({ name, severity, range }) => `${name} ${range}: ${severity}`);
  return { state: 'done', serious, total: all.length };
}
