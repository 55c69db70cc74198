/** Headers of every answer over HTTP, refusals included: for whoever asked and nobody else, to be taken for nothing but what it says it is, and over TLS only. */
export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
} as const;
