/** OpenAPI 3.1 from the table of operations: what is documented is what is checked. */
import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../errors.ts';
import {
  ADMIN_BASE,
  ADMIN_HEADERS,
  type AdminOperation,
  EXAMPLE_HASH,
  statusOf,
  Waiting,
} from './operation.ts';
import { PERMISSIONS } from './permissions.ts';

type Json = { readonly [name: string]: unknown };

/** What every request may be refused with. */
const COMMON: readonly ErrorCode[] = [
  'bad_request',
  'too_large',
  'request_timeout',
  'rate_limited',
  'overloaded',
  'store_busy',
  'store_unavailable',
  'disk_full',
  'internal',
  'shutting_down',
];

/** What an operation may be refused with: what the table says of it, and what follows from how it is declared. */
export function refusalsOf(one: AdminOperation): readonly ErrorCode[] {
  const isSignedIn = one.access !== 'public';
  const isChange = one.method !== 'GET';
  const isOfTenant = one.path.includes('{tenantId}') && one.at !== 'installation';
  const when = (holds: boolean | undefined, ...codes: ErrorCode[]) => (holds ? codes : []);
  const codes = [
    ...one.errors,
    ...when(
      isSignedIn,
      'unauthenticated',
      'origin_refused',
      'not_found',
      'not_allowed',
      'address_not_allowed',
    ),
    ...when(isSignedIn && isOfTenant, 'tenant_suspended'),
    ...when(isSignedIn && one.stepUp, 'step_up_required'),
    ...when(isSignedIn && !one.beforeNewPassword, 'password_change_required'),
    ...when(one.idempotent, 'idempotency_key_reused'),
    ...when(one.versioned && isChange, 'version_required', 'version_conflict'),
    ...when('cursor' in one.query.shape, 'cursor_invalid'),
    ...COMMON,
  ];
  return [...new Set(codes)];
}

/** The document of a table of operations. */
export function openApiOf(operations: Readonly<Record<string, AdminOperation>>): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [id, one] of Object.entries(operations)) {
    const path = paths[one.path] ?? {};
    path[one.method.toLowerCase()] = operationOf(id, one);
    paths[one.path] = path;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Kuvert administration',
      version: 'v1',
      description:
        'Fields that are not known are refused in requests and are to be passed over in answers. An answer may gain fields within a version; nothing is taken away or renamed.',
      license: { name: 'AGPL-3.0-only', identifier: 'AGPL-3.0-only' },
    },
    servers: [{ url: ADMIN_BASE }],
    paths,
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: '__Host-kuvert' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
  };
}

const PROBLEM: Json = {
  type: 'object',
  description: 'RFC 9457, in German or English by Accept-Language.',
  properties: {
    title: { type: 'string', description: 'A sentence for people.' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(ERRORS) },
    retry: {
      type: 'object',
      properties: { kind: { enum: ['never', 'now', 'after', 'resync'] }, ms: { type: 'integer' } },
    },
    details: { type: 'object' },
  },
  required: ['title', 'status', 'code', 'retry'],
};

const EXAMPLE_WAITING: Json = {
  approvalId: 'ap_…',
  payloadHash: EXAMPLE_HASH,
  expiresAt: '2026-01-03T08:00:00.000Z',
};

function operationOf(id: string, one: AdminOperation): Json {
  const isOpen = one.access === 'public';
  const permission =
    one.access in PERMISSIONS ? PERMISSIONS[one.access as keyof typeof PERMISSIONS] : undefined;
  return {
    operationId: id,
    tags: [id.split('.')[0]],
    summary: one.summary,
    ...(permission && {
      description: `Needs \`${one.access}\`, which have: ${permission.roles.join(', ')}.`,
    }),
    ...(isOpen ? { security: [] } : { security: [{ session: [] }, { bearer: [] }] }),
    parameters: [
      ...parametersOf('path', one.params, one.example.params),
      ...parametersOf('query', one.query, one.example.query),
      ...(one.idempotent ? [headerOf(ADMIN_HEADERS.idempotencyKey, false)] : []),
      ...(one.versioned && one.method !== 'GET' ? [headerOf(ADMIN_HEADERS.ifMatch, true)] : []),
    ],
    ...(one.body && {
      requestBody: { required: true, content: contentOf(one.body, one.example.body, 'input') },
    }),
    responses: {
      [statusOf(one)]: {
        description: one.result === undefined ? 'Done.' : 'Done; see the schema.',
        ...(one.result && { content: contentOf(one.result, one.example.result, 'output') }),
      },
      ...(one.fourEyes && {
        202: {
          description: 'Somebody else has to approve it first.',
          content: contentOf(Waiting, EXAMPLE_WAITING, 'output'),
        },
      }),
      ...refusals(refusalsOf(one)),
    },
  };
}

function contentOf(schema: z.ZodType, example: unknown, io: 'input' | 'output'): Json {
  return {
    'application/json': { schema: jsonSchemaOf(schema, io), ...(example === undefined ? {} : { example }) },
  };
}

function parametersOf(place: 'path' | 'query', fields: z.ZodObject, example: Json = {}): Json[] {
  return Object.entries(fields.shape).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path' || !(schema as z.ZodType).safeParse(undefined).success,
    schema: jsonSchemaOf(schema as z.ZodType, 'input'),
    ...(example[name] === undefined ? {} : { example: example[name] }),
  }));
}

function headerOf(name: string, required: boolean): Json {
  return { name, in: 'header', required, schema: { type: 'string', maxLength: 100 } };
}

/** Refusals by status, with the codes that it can have and what each says. */
function refusals(codes: readonly ErrorCode[]): Json {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of [...codes].sort()) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, ones]) => {
      const description = ones.map((code) => `- \`${code}\`: ${ERRORS[code].en}`).join('\n');
      const which = { type: 'object', properties: { code: { enum: ones } } };
      const schema = { allOf: [{ $ref: '#/components/schemas/Problem' }, which] };
      return [status, { description, content: { 'application/problem+json': { schema } } }];
    }),
  );
}

function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
