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

/**
 * The methods that a path takes, sorted; none for one that is not there. It is a matter of the routes alone, which are public (OpenAPI, the sources), and never of what a path's ids
 * stand for, so nobody learns of anything by it.
 * @param path without its query, as it came
 */
export function methodsOf(app: FastifyInstance, path: string): readonly string[] {
  const parts = path.split('/');
  const fits = (pattern: string) => {
    const wanted = pattern.split('/');
    return (
      wanted.length === parts.length &&
      wanted.every((want, at) => (want.startsWith(':') ? parts[at] !== '' : want === parts[at]))
    );
  };
  const methods = routesOf(app).flatMap((route) => (fits(route.path) ? [route.method] : []));
  return [...new Set(methods)].sort();
}
