/** Which routes a listener has, as fastify knows them, so that tests can try every one and no new one goes untried (P4, H9). */
import type { FastifyInstance } from 'fastify';

/** One route of a listener. */
export interface Route {
  readonly method: string;
  /** Path with its parameters, such as `/files/:name`. */
  readonly path: string;
}

const lists = new WeakMap<FastifyInstance, Route[]>();

/** Begins the list; to be called before the first route is added. */
export function noteRoutes(app: FastifyInstance): void {
  const list: Route[] = [];
  lists.set(app, list);
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) list.push({ method: one, path: url });
  });
}

/** Every route that was added since. */
export function routesOf(app: FastifyInstance): readonly Route[] {
  return lists.get(app) ?? [];
}
