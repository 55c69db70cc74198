#!/usr/bin/env node
// Plain JavaScript that an old Node can read, because its first job is to say that Node is too old. Everything else is
// TypeScript, which Node runs as it is from version 26 on (facts: type stripping).
const major = Number(process.versions.node.split('.')[0]);
if (major < 26) {
  console.error(
    `kuvert needs Node 26 and this is ${process.versions.node}: please use ./kuvert or npx --no kuvert in the project folder after npm start.`,
  );
  process.exitCode = 1;
} else {
  const { main } = await import('../src/main.ts');
  process.exitCode = await main(process.argv.slice(2));
  // A connection that lingers must not keep a finished command alive.
  setTimeout(() => process.exit(), 2_000).unref();
}
