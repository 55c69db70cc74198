import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { acceptOpening, generateStaticKeyPair } from '@kuvert/crypto/channel';
import { encodeControl, PROTOCOL_VERSIONS } from '@kuvert/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { openConnection } from './connection.ts';
import { systemClock } from './system.ts';

/** A server that answers what it is told with one true thing and then, in the same packet, something that no key opens. */
async function startBreakingServer(): Promise<{ url: string; publicKey: Uint8Array }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const statics = [generateStaticKeyPair()];
  server.on('connection', (socket, request) => {
    socket.once('message', (opening: Buffer) => {
      const accepted = acceptOpening(opening, { statics, supported: PROTOCOL_VERSIONS });
      if (accepted.kind !== 'enrolment') throw new Error(`an opening of kind ${accepted.kind}`);
      socket.send(accepted.reply);
      socket.once('message', () => {
        request.socket.cork();
        const drained = encodeControl('event', { event: 'drained', data: {} });
        for (const frame of accepted.channel.seal([drained])) socket.send(frame);
        socket.send(new Uint8Array(64));
        request.socket.uncork();
      });
    });
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, publicKey: statics[0]?.publicKey ?? new Uint8Array() };
}

test('B3 a channel that breaks while something waits to be sent ends the connection and nothing else', async () => {
  const server = await startBreakingServer();
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const connection = await openConnection({
    serverUrl: server.url,
    serverStatic: server.publicKey,
    as: undefined,
    clock: systemClock(),
    events: {
      onDelivery: () => undefined,
      onEvent: () => connection.ack(2),
      onClose: ({ code }) => resolve(code),
    },
  });
  connection.ack(1);
  expect(await ended).toBe('channel_broken');
});
