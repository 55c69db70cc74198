/** MongoDB's driver tests in the unified format: reading the files, and which of their tests this server and driver can run. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, EJSON } from 'bson';

/** One file. */
export interface SpecFile {
  /** Folder and name. */
  readonly path: string;
  readonly description: string;
  readonly runOnRequirements?: readonly Requirement[];
  readonly createEntities?: readonly Document[];
  readonly initialData?: readonly InitialData[];
  readonly tests: readonly SpecTest[];
}

/** One test. */
export interface SpecTest {
  readonly description: string;
  readonly runOnRequirements?: readonly Requirement[];
  readonly skipReason?: string;
  readonly operations: readonly SpecOperation[];
  readonly expectEvents?: readonly ExpectedEvents[];
  readonly outcome?: readonly InitialData[];
}

/** What a collection holds before or after a test. */
export interface InitialData {
  readonly collectionName: string;
  readonly databaseName: string;
  readonly createOptions?: Document;
  readonly documents: Document[];
}

/** One operation on an entity, and what is expected of it. */
export interface SpecOperation {
  readonly name: string;
  readonly object: string;
  readonly arguments?: Document;
  readonly expectResult?: unknown;
  readonly expectError?: Document;
  readonly ignoreResultAndError?: boolean;
  readonly saveResultAsEntity?: string;
}

/** The commands that a client is expected to have sent. */
export interface ExpectedEvents {
  readonly client: string;
  readonly eventType?: string;
  readonly ignoreExtraEvents?: boolean;
  readonly events: readonly Document[];
}

interface Requirement {
  readonly minServerVersion?: string;
  readonly maxServerVersion?: string;
  readonly topologies?: readonly string[];
  readonly auth?: boolean;
  readonly csfle?: boolean;
  readonly serverless?: string;
}

/** The folder of the tests, or undefined where the corpora are not there. */
export function specFolder(): string | undefined {
  const corpora = process.env.KUVERT_CORPORA ?? join(import.meta.dirname, '../../../../../../shared/corpora');
  const folder = join(corpora, 'mongodb-driver-tests');
  return existsSync(folder) ? folder : undefined;
}

/** All files whose path contains `part`, by path. */
export function readSpecFiles(folder: string, part = ''): SpecFile[] {
  return globSync('*/*.json', { cwd: folder })
    .filter((path) => path.includes(part))
    .sort()
    .map((path) => {
      const parsed = EJSON.parse(readFileSync(join(folder, path), 'utf8')) as Omit<SpecFile, 'path'>;
      return { ...parsed, path };
    });
}

/** Why the file or test is not for a replica set of this version without logins; undefined when it is. */
export function notForUs(
  requirements: readonly Requirement[] | undefined,
  version: string,
): string | undefined {
  if (requirements === undefined || requirements.length === 0) return undefined;
  const reasons = requirements.map((requirement) => refusal(requirement, version));
  return reasons.includes(undefined) ? undefined : reasons[0];
}

function refusal(requirement: Requirement, version: string): string | undefined {
  const { minServerVersion, maxServerVersion, topologies, auth, csfle } = requirement;
  if (topologies !== undefined && !topologies.includes('replicaset')) {
    return `not for replica sets (${topologies.join(', ')})`;
  }
  if (minServerVersion !== undefined && compareVersions(version, minServerVersion) < 0) {
    return `needs server ${minServerVersion}`;
  }
  if (maxServerVersion !== undefined && compareVersions(version, maxServerVersion) > 0) {
    return `only up to server ${maxServerVersion}`;
  }
  if (auth === true) return 'needs logins';
  return csfle === true ? 'needs client-side encryption' : undefined;
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let at = 0; at < 3; at += 1) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
