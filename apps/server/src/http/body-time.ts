/**
 * How long the body of a request may take. Node knows one limit for all requests of a listener, and it ends those on slow lines too; so each
 * request with a body is given its time here, and a route whose bodies are large (uploads) lifts it for those that it wants.
 */
import type { IncomingMessage } from 'node:http';
import { KuvertError } from '@kuvert/protocol';
import { problemBytes } from './problem.ts';

/** For bodies that a person writes: all of it, from the end of the headers on. */
export const BODY_MS = 10_000;

const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/** From now on what is left of the body has to come within `limitMs`, or the connection ends. */
export function limitBodyTime(request: IncomingMessage, limitMs = BODY_MS): void {
  if (request.complete) return;
  liftBodyTime(request);
  const timer = setTimeout(() => {
    const { socket } = request;
    if (request.complete || socket.destroyed) return;
    if (socket.writable) socket.end(problemBytes(new KuvertError('request_timeout')), () => socket.destroy());
    else socket.destroy();
  }, limitMs);
  timer.unref();
  timers.set(request, timer);
  request.once('close', () => clearTimeout(timer));
}

/** The body may take its time; whoever reads it looks for standstill. */
export function liftBodyTime(request: IncomingMessage): void {
  clearTimeout(timers.get(request));
  timers.delete(request);
}
