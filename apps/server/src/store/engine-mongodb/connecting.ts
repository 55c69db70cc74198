/** The first connection to the database, with a sentence for each thing that whoever set it up can mend. */
import { KuvertError } from '@kuvert/protocol';
import { MongoClient, MongoError, MongoServerError, MongoServerSelectionError } from 'mongodb';
import { storeFailure } from './failures.ts';
import { clientOptions, type MongoSettings } from './settings.ts';

/** What Node.js says of a certificate that it does not take. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;
/** What it says when the other side does not take ours, or misses one. */
const OUR_CERTIFICATE =
  /^ERR_SSL_.*ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|NO_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/;
const TLS = /^ERR_SSL|EPROTO/;
/** What Node.js and the driver say of a connection that the other side ends, before and without a handshake. */
const ENDED_BEFORE_TLS = 'before secure TLS connection was established';
const ENDED_AT_ONCE = /^connection .* closed$/;
/** Of the name service, also for the records behind a `mongodb+srv://` address. */
const NO_NAME = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ENODATA', 'ESERVFAIL', 'ETIMEOUT', 'ECONNREFUSED']);
const NO_NAME_FOUND = 'KUVERT_STORE: a host name in it is not found';
/** CommandNotFound and MechanismUnavailable: a server without the kind of sign-in that was asked for. */
const NO_SUCH_SIGN_IN = new Set([59, 334]);

/** @throws KuvertError `config_invalid`, `store_denied`, `store_unavailable`, with what it is about where that is known */
export async function connectMongo(settings: MongoSettings): Promise<MongoClient> {
  const client = makeClient(settings);
  try {
    return await client.connect();
  } catch (error) {
    await client.close().catch(() => undefined);
    throw connectFailure(error, client.options.tls);
  }
}

function makeClient(settings: MongoSettings): MongoClient {
  const options = clientOptions(settings);
  try {
    return new MongoClient(settings.url, options);
  } catch (cause) {
    const about = 'KUVERT_STORE is no address of a MongoDB, or has an option that there is not';
    // Files of certificates are read here too, and their texts are nobody's business; what the driver says is about the address.
    throw cause instanceof MongoError
      ? new KuvertError('config_invalid', { details: { about }, cause })
      : new KuvertError('config_invalid', { details: { about: 'a file of KUVERT_STORE_…' }, cause });
  }
}

function connectFailure(error: unknown, isOverTls: boolean): unknown {
  if (error instanceof MongoServerError && NO_SUCH_SIGN_IN.has(Number(error.code)))
    return new KuvertError('store_denied', { cause: storeFailure(error) });
  if (!(error instanceof MongoError) && codesOf(error).some((code) => NO_NAME.has(code)))
    return new KuvertError('store_unavailable', { details: { about: NO_NAME_FOUND }, cause: error });
  const failure = storeFailure(error);
  const about = error instanceof MongoServerSelectionError ? whyNobody(error, isOverTls) : undefined;
  if (about === undefined || !(failure instanceof KuvertError) || failure.code !== 'store_unavailable')
    return failure;
  return new KuvertError(failure.code, { details: { about }, cause: failure });
}

/** Why no server was found that could be used; undefined when they are just away. */
function whyNobody({ reason }: MongoServerSelectionError, isOverTls: boolean): string | undefined {
  const servers = [...(reason?.servers?.values() ?? [])];
  // The driver leaves out who says that it belongs to another set.
  if (reason !== undefined && servers.length === 0)
    return 'KUVERT_STORE: whoever answers belongs to another replica set';
  const codes = servers.flatMap(({ error }) => codesOf(error));
  if (codes.includes('ENOTFOUND')) return NO_NAME_FOUND;
  const texts = servers.map(({ error }) => error?.message ?? '');
  const isEndedAtOnce = texts.some((text) => ENDED_AT_ONCE.test(text));
  // Of TLS 1.3 a refusal comes after the handshake, and sometimes nothing but the end of the connection is left of it.
  if (codes.some((code) => OUR_CERTIFICATE.test(code)) || (isOverTls && isEndedAtOnce))
    return 'KUVERT_STORE_CERT: the database ends the connection; it wants a certificate of ours, or another one, or it is no MongoDB';
  if (codes.some((code) => CERTIFICATE.test(code)))
    return 'KUVERT_STORE_CA: the certificate of the database is not from this authority, has expired, or is for another host';
  if (codes.some((code) => TLS.test(code)) || texts.some((text) => text.includes(ENDED_BEFORE_TLS)))
    return 'KUVERT_STORE: the database speaks no TLS, or wants a certificate in KUVERT_STORE_CERT';
  if (isEndedAtOnce)
    return 'KUVERT_STORE: whoever answers there ends the connection at once; it is no MongoDB, or one that wants TLS (tls=true)';
  return undefined;
}

/** Codes of an error and of what caused it. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string') codes.push(code);
  }
  return codes;
}
