/**
 * What uploads are held against: a server over HTTPS that writes a body to a file as it comes and answers once the disk has it. No accounts,
 * no hash, nothing to go on with after a cut.
 *
 *     node plain-server.ts CERTIFICATE KEY FOLDER
 */
import { createWriteStream, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** What comes while the disk writes is written together. */
const BUFFER_BYTES = 262_144;

const [cert = '', key = '', folder = ''] = process.argv.slice(2);
let files = 0;

const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
  const path = join(folder, `upload-${++files}`);
  void (async () => {
    // `flush` syncs the file before it is closed.
    const file = createWriteStream(path, {
      flags: 'wx',
      mode: 0o600,
      highWaterMark: BUFFER_BYTES,
      flush: true,
    });
    await pipeline(request, file);
    response.writeHead(204).end();
  })().catch(() => response.destroy());
});
server.listen({ host: '127.0.0.1', port: 0 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit(0));
