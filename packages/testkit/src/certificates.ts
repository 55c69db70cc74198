import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of a certificate and its private key (PEM). */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** Whether certificates can be made here: they come from the `openssl` program. */
export const canMakeCertificates = spawnSync('openssl', ['version']).status === 0;

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A certificate authority of a test's own, for servers and clients that speak real TLS. Its files lie in `folder`. */
export class TestAuthority {
  readonly #folder: string;
  readonly #own: CertificateFiles;

  /** @param name Names the authority and its files; two in one folder need two names. */
  constructor(folder: string, name = 'ca') {
    this.#folder = folder;
    this.#own = this.#files(name);
    this.#openssl('req', '-x509', ...NEW_KEY, '-subj', `/CN=${name}`, '-days', '2', ...this.#out(this.#own));
  }

  /** The authority's certificate, which the other side is told to trust. */
  get certificate(): string {
    return this.#own.cert;
  }

  /** What `node:tls` wants to know of a certificate, read from its files. */
  contents(files: CertificateFiles): { cert: Buffer; key: Buffer; ca: Buffer } {
    return {
      cert: readFileSync(files.cert),
      key: readFileSync(files.key),
      ca: readFileSync(this.certificate),
    };
  }

  /** A certificate for a server at these names and addresses, 127.0.0.1 and localhost where none are told. */
  server(name = 'server', at = ['IP:127.0.0.1', 'DNS:localhost']): CertificateFiles {
    return this.#issue(name, `subjectAltName=${at.join(',')}\n`);
  }

  /** A certificate with which a client shows who it is. */
  client(name = 'client'): CertificateFiles {
    return this.#issue(name, 'extendedKeyUsage=clientAuth\n');
  }

  #issue(name: string, extensions: string): CertificateFiles {
    const files = this.#files(name);
    const request = join(this.#folder, `${name}.csr`);
    const extensionFile = join(this.#folder, `${name}.ext`);
    writeFileSync(extensionFile, extensions);
    this.#openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', files.key, '-out', request);
    const authority = ['-CA', this.#own.cert, '-CAkey', this.#own.key, '-CAcreateserial'];
    this.#openssl(
      'x509',
      '-req',
      '-in',
      request,
      ...authority,
      '-days',
      '2',
      '-extfile',
      extensionFile,
      '-out',
      files.cert,
    );
    return files;
  }

  #files(name: string): CertificateFiles {
    return { cert: join(this.#folder, `${name}.pem`), key: join(this.#folder, `${name}.key`) };
  }

  #out({ cert, key }: CertificateFiles): string[] {
    return ['-keyout', key, '-out', cert];
  }

  #openssl(...args: string[]): void {
    const run = spawnSync('openssl', args, { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`openssl ${args[0]}: ${run.stderr}`);
  }
}
