// The architecture as machine-checked rules, run by `npm run architecture`. Each rule has a planted violation in
// tests/house/architecture.test.ts that must be caught. Type-only imports count as imports: a service that
// names a framework's type has learned of the framework.

/** Files that exist for tests only: tests, benchmarks, the testkit, and the suites that every engine is put through. */
const TEST_CODE =
  '(\\.test\\.ts$|^(tests|bench)/|^packages/testkit/|/conformance/|(^|/)vitest\\.config\\.ts$)';

/**
 * A driver is known only where it is wrapped, so that a second engine can take its place.
 * @param {string} name of the rule
 * @param {string} driver the package's name
 * @param {string} home the files that may import it, as a regular expression
 */
function onlyIn(name, driver, home) {
  return {
    name,
    comment: `${driver} is wrapped in one place (design.md §3): ${home}`,
    severity: /** @type {const} */ ('error'),
    from: { pathNot: [home, TEST_CODE] },
    to: { path: [`(^|/)node_modules/(@types/)?${driver}/`, `^${driver}$`] },
  };
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle has no order in which it can be read, tested or replaced.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'Also what a package does not export lands here: no deep imports by name.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-package',
      comment: 'What a package imports stands in its own package.json.',
      severity: 'error',
      from: { path: '^(apps|packages)/', pathNot: TEST_CODE },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },
    {
      name: 'no-deep-import',
      comment: 'Another workspace is reached by its name and exports, never by a path into its folders.',
      severity: 'error',
      from: { path: '^(apps|packages)/([^/]+)/' },
      to: {
        path: '^(apps|packages)/',
        pathNot: '^$1/$2/',
        dependencyTypes: ['local'],
        dependencyTypesNot: ['aliased-workspace'],
      },
    },
    {
      name: 'no-deep-import-from-tests',
      comment: 'Journeys drive the public surface.',
      severity: 'error',
      from: { path: '^(tests|bench)/' },
      to: {
        path: '^(apps|packages)/',
        dependencyTypes: ['local'],
        dependencyTypesNot: ['aliased-workspace'],
      },
    },
    {
      name: 'apps-apart',
      comment: 'Apps are processes of their own; the command line starts the server, it does not contain it.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'packages-below-apps',
      comment: 'Packages serve apps. The testkit boots a whole installation and is the one exception.',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/testkit/' },
      to: { path: '^apps/' },
    },
    {
      name: 'feature-door',
      comment: 'A feature is reached only through its index.ts, which lists what others may call.',
      severity: 'error',
      from: { path: '^apps/server/src/features/([^/]+)/' },
      to: {
        path: '^apps/server/src/features/[^/]+/',
        pathNot: '^apps/server/src/features/($1/|[^/]+/index\\.ts$)',
      },
    },
    {
      name: 'feature-door-from-server',
      comment: 'The rest of the server comes through the door of a feature too.',
      severity: 'error',
      from: { path: '^apps/server/src/', pathNot: ['^apps/server/src/features/', TEST_CODE] },
      to: {
        path: '^apps/server/src/features/[^/]+/',
        pathNot: '^apps/server/src/features/[^/]+/index\\.ts$',
      },
    },
    {
      name: 'rules-without-framework',
      comment:
        'Services, collections and jobs hold the rules; HTTP, sockets and logs are none of their business.',
      severity: 'error',
      from: { path: '^apps/server/src/.*/(service|collections|jobs)\\.ts$' },
      to: { path: ['(^|/)node_modules/(fastify|@fastify/[^/]+|ws|@types/ws|pino)/'] },
    },
    onlyIn(
      'sqlcipher-home',
      '@signalapp/sqlcipher',
      '^(apps/server/src/store/engine-sqlite|packages/safe-folder|packages/client-core/src/node)/',
    ),
    onlyIn('mongodb-home', 'mongodb', '^apps/server/src/store/engine-mongodb/'),
    onlyIn('ws-home', 'ws', '^(apps/server/src/channel|packages/client-core/src/node)/'),
    onlyIn(
      'fastify-home',
      '(fastify|@fastify/[^/]+)',
      '^apps/server/src/(app\\.ts$|http/|features/[^/]+/routes[^/]*\\.ts$)',
    ),
    onlyIn('libsignal-home', '@signalapp/libsignal-client', '^packages/crypto/'),
    {
      name: 'server-cannot-open-messages',
      comment: 'P8: no chain of imports leads from the server to the code that opens messages.',
      severity: 'error',
      from: { path: '^apps/server/', pathNot: TEST_CODE },
      to: { path: '^packages/(crypto/src/session|client-core)/', reachable: true },
    },
    {
      name: 'protocol-runs-anywhere',
      comment: 'The wire formats run on phones too, so they use nothing of Node.',
      severity: 'error',
      from: { path: '^packages/protocol/', pathNot: TEST_CODE },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'client-core-without-io',
      comment: 'The messenger is a state machine; files, sockets and databases are adapters in src/node.',
      severity: 'error',
      from: { path: '^packages/client-core/src/', pathNot: ['^packages/client-core/src/node/', TEST_CODE] },
      to: {
        path: [
          '^(node:)?(fs|fs/promises|net|tls|http|https|http2|dgram|dns|child_process|worker_threads)$',
          '^packages/client-core/src/node/',
          '(^|/)node_modules/(ws|@types/ws|@signalapp/sqlcipher)/',
        ],
      },
    },
    {
      name: 'no-io-in-crypto',
      comment: 'Cryptography computes; who calls it does the reading and writing.',
      severity: 'error',
      from: { path: '^packages/crypto/src/', pathNot: TEST_CODE },
      to: {
        path: '^(node:)?(fs|fs/promises|net|tls|http|https|http2|dgram|dns|child_process|worker_threads)$',
      },
    },
    {
      name: 'no-test-code-in-production',
      comment: 'Tests know the code; the code does not know the tests.',
      severity: 'error',
      from: { pathNot: TEST_CODE },
      to: { path: [TEST_CODE, '(^|/)node_modules/(vitest|fast-check)/'] },
    },
  ],
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
