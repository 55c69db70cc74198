// What is in the product and whether it may and should be: licences, known weaknesses, age of releases, install scripts, secrets; on request the
// bill of materials.
//
//     npm run supply
//     npm run supply -- --sbom kuvert.cdx.json
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runAudit } from './supply/audit.mjs';
import { findInstallScriptProblems } from './supply/install-scripts.mjs';
import { findLicenceProblems } from './supply/licences.mjs';
import { findYoungReleases, RELEASE_AGE_DAYS_MIN } from './supply/release-age.mjs';
import { makeSbom } from './supply/sbom.mjs';
import { findSecrets } from './supply/secrets.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { sbom: { type: 'string' } } });
let failed = 0;

/**
 * @param {string} name
 * @param {readonly string[]} problems
 * @param {string} fine
 */
function report(name, problems, fine) {
  console.log(`${name.padEnd(16)} ${problems.length === 0 ? fine : 'FAILED'}`);
  for (const problem of problems) console.log(`  ${problem}`);
  failed += problems.length === 0 ? 0 : 1;
}

const licences = findLicenceProblems(root);
report('licences', licences.problems, `${licences.count} packages, all compatible with AGPL-3.0-only`);
report('install scripts', findInstallScriptProblems(root), 'off');
const secrets = findSecrets(root);
report('secrets', secrets.found, `none in ${secrets.count} files`);
const audit = await runAudit(root);
if (audit.state === 'unavailable') console.log(`${'audit'.padEnd(16)} skipped: ${audit.reason}`);
else report('audit', audit.serious, `${audit.total} weaknesses known, none of them high or critical`);
const ages = await findYoungReleases(root);
if (ages.state === 'unavailable') console.log(`${'release age'.padEnd(16)} skipped: ${ages.reason}`);
else
  report(
    'release age',
    ages.young,
    `${ages.count} new in the lockfile, none younger than ${RELEASE_AGE_DAYS_MIN} days`,
  );
const sbom = await makeSbom(root);
if (values.sbom !== undefined) {
  // npm runs scripts in the project's folder; what was typed is relative to where it was typed.
  writeFileSync(resolve(process.env.INIT_CWD ?? '.', values.sbom), sbom.text);
}
report('SBOM', [], `${sbom.components} components${values.sbom === undefined ? '' : ` in ${values.sbom}`}`);
process.exitCode = failed === 0 ? 0 : 1;
