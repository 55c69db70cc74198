// Counts what the parts of `npm test` report: turbo's summary of the checks and vitest's JSON report. Whatever
// did not report counts as a failure, so that a crash can never look like a pass.

/** The checks that are one test each; they are scripts of the root package.json and tasks of turbo.json. */
export const CHECKS = ['types', 'lint', 'architecture', 'dead-code'];

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/**
 * @typedef {object} CheckResult
 * @property {string} name
 * @property {boolean} passed
 * @property {number} tookMs
 */

/**
 * @param {any} summary what turbo wrote, or undefined when it wrote nothing
 * @returns {CheckResult[]} one per check, also for those that never ran
 */
export function readChecks(summary) {
  return CHECKS.map((name) => {
    const run = summary?.tasks?.find((/** @type {any} */ task) => task.task === name)?.execution;
    return { name, passed: run?.exitCode === 0, tookMs: run ? run.endTime - run.startTime : 0 };
  });
}

/**
 * @param {any} report vitest's JSON report, or undefined when it wrote none
 * @param {number} exitCode
 * @returns {Tally & { skippedNames: string[] }}
 */
export function readVitest(report, exitCode) {
  if (!report) return { passed: 0, failed: 1, skipped: 0, skippedNames: [] };
  // A file that breaks while it loads has no tests to count, and an error outside of every test fails the run only.
  const brokenFiles = report.testResults.filter(
    (/** @type {any} */ file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
    skippedNames: report.testResults.flatMap((/** @type {any} */ file) =>
      file.assertionResults
        .filter((/** @type {any} */ test) => test.status !== 'passed' && test.status !== 'failed')
        .map((/** @type {any} */ test) => test.fullName),
    ),
  };
}

/** @param {Tally[]} parts */
export function sum(parts) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const part of parts) {
    total.passed += part.passed;
    total.failed += part.failed;
    total.skipped += part.skipped;
  }
  return total;
}

/**
 * @param {Tally} total
 * @returns {{ line: string, exitCode: number }} a run that tested nothing is a failure too
 */
export function conclude(total) {
  return {
    line: `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`,
    exitCode: total.failed > 0 || total.passed === 0 ? 1 : 0,
  };
}
