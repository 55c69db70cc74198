import type { FastifyServerOptions } from 'fastify';

const refuse = (): never => {
  throw new Error('a route with a JSON schema: bodies and answers are read by the schemas of the protocol');
};

/** For Fastify: no route has a JSON schema. Otherwise it reads its compilers of them, for which each start of a server pays (4 MB). */
export const NO_SCHEMAS: Required<Pick<FastifyServerOptions, 'schemaController'>> = {
  schemaController: { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } },
};
