// The bill of materials of what is shipped, in the version of CycloneDX that npm writes: what npm lists, without what differs from run to run and from
// machine to machine, so that two of the same commit are equal byte for byte.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runNpm } from './npm.mjs';

/**
 * @param {string} root
 * @returns {Promise<{ text: string, components: number }>}
 */
export async function makeSbom(root) {
  const { code, stdout, stderr } = await runNpm(root, ['sbom', '--sbom-format', 'cyclonedx', '--omit=dev']);
  if (code !== 0) throw new Error(`npm could not list the packages: ${stderr.slice(0, 500)}`);
  const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const bom = normalise(JSON.parse(stdout), name);
  return { text: `${JSON.stringify(bom, undefined, 2)}\n`, components: bom.components.length };
}

/**
 * @param {any} bom as npm made it
 * @param {string} name of the project, for which npm takes the folder's name
 */
function normalise(bom, name) {
  const { metadata } = bom;
  const components = bom.components
    .map((/** @type {any} */ component) => ({
      ...component,
      properties: component.properties?.filter(
        (/** @type {any} */ one) => one.name !== 'cdx:npm:package:path',
      ),
      // Where something was downloaded from differs from machine to machine; its hash does not.
      externalReferences: component.externalReferences?.filter(
        (/** @type {any} */ one) => one.type !== 'distribution',
      ),
    }))
    .sort(byRef('bom-ref'));
  const dependencies = bom.dependencies
    .map((/** @type {any} */ one) => ({ ...one, dependsOn: [...(one.dependsOn ?? [])].sort() }))
    .sort(byRef('ref'));
  const { version } = metadata.component;
  const component = { ...metadata.component, type: 'application', name };
  const content = { components, dependencies, component };
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const uuid = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-5${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
  return {
    // Called what it is: a later version would promise fields in a form that npm does not write.
    $schema: bom.$schema,
    bomFormat: bom.bomFormat,
    specVersion: bom.specVersion,
    serialNumber: `urn:uuid:${uuid}`,
    version: 1,
    metadata: {
      lifecycles: metadata.lifecycles,
      tools: { components: [{ type: 'application', name: 'npm' }] },
      component: { ...component, version },
    },
    components,
    dependencies,
  };
}

/** @param {string} key */
function byRef(key) {
  return (/** @type {any} */ a, /** @type {any} */ b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0);
}
