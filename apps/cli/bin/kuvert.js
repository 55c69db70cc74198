#!/usr/bin/env node
// Plain JavaScript that an old Node can read, because its first job is to say that Node is too old. Everything else is
// TypeScript, which Node runs as it is from version 26 on (facts: type stripping).
import { fileURLToPath } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);
if (major < 26) {
  console.error(
    `kuvert needs Node 26 and this is ${process.versions.node}: please use ./kuvert or npx --no kuvert in the project folder after npm start.`,
  );
  process.exitCode = 1;
} else {
  // Half of what a short command costs is reading and compiling the same files once more. What is kept lies beside the code, so
  // whoever could change it could change the code as well; where nobody may write there, nothing is kept.
  const { enableCompileCache } = await import('node:module');
  enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)));
  const { main } = await import('../src/main.ts');
  process.exitCode = await main(process.argv.slice(2));
  // A connection that lingers must not keep a finished command alive.
  setTimeout(() => process.exit(), 2_000).unref();
}
