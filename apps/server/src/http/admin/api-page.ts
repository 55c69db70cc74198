/** The API as a page that people can read, made from the table of operations; no scripts, nothing loaded from elsewhere. */
import { createHash } from 'node:crypto';
import { ADMIN_BASE, type AdminOperation, PERMISSIONS, statusOf } from '@kuvert/protocol/admin';

const STYLE = `body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
code,pre{font:0.9rem/1.4 ui-monospace,monospace}pre{background:#f3f3f3;padding:.8rem;overflow:auto;border-radius:.3rem}
h2{margin-top:2.5rem;border-bottom:1px solid #ccc}.method{display:inline-block;min-width:4.5rem;font-weight:700}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}pre{background:#2a2a2a}a{color:#8ab4f8}}`;

/** Headers that let the page do nothing but be read. */
export const API_PAGE_HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'content-language': 'en',
} as const;

/** The page as HTML. */
export function apiPage(operations: Readonly<Record<string, AdminOperation>>): string {
  const entries = Object.entries(operations);
  const contents = entries.map(
    ([id, { method, path }]) => `<li><a href="#${id}"><code>${method} ${escaped(path)}</code></a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kuvert administration API</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Kuvert administration API</h1>
<p>JSON over HTTPS below <code>${ADMIN_BASE}</code>. The same as OpenAPI 3.1: <a href="openapi.json">openapi.json</a>. Sign in first; programs send the token as
<code>Authorization: Bearer …</code>. A refusal is <code>application/problem+json</code> with a code that does not change and a sentence in German or English.</p>
<nav aria-label="Operations"><ul>
${contents.join('\n')}
</ul></nav>
${entries.map(([id, one]) => section(id, one)).join('\n')}
</body>
</html>
`;
}

function section(id: string, one: AdminOperation): string {
  const permission =
    one.access in PERMISSIONS ? PERMISSIONS[one.access as keyof typeof PERMISSIONS] : undefined;
  const who = permission
    ? `<code>${one.access}</code> (${permission.roles.join(', ')})`
    : one.access === 'public'
      ? 'anybody'
      : 'anybody who has signed in';
  const { params = {}, query = {}, body, result } = one.example;
  const path = one.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? `{${name}}`);
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, String(value)]),
  ).toString();
  const request = `${one.method} ${ADMIN_BASE}${path}${search === '' ? '' : `?${search}`}${body === undefined ? '' : `\n\n${JSON.stringify(body, null, 2)}`}`;
  const answer = `${statusOf(one)}${result === undefined ? '' : `\n\n${JSON.stringify(result, null, 2)}`}`;
  const notes = [
    one.stepUp ? 'A second factor must have been shown within the last five minutes.' : '',
    one.versioned && one.method !== 'GET'
      ? 'Needs <code>If-Match</code> with the <code>ETag</code> that was read.'
      : '',
    one.idempotent ? 'Takes an <code>Idempotency-Key</code>.' : '',
    one.errors.length > 0
      ? `May be refused with ${one.errors.map((code) => `<code>${code}</code>`).join(', ')}.`
      : '',
  ].filter((note) => note !== '');
  return `<section id="${id}">
<h2><span class="method">${one.method}</span> <code>${escaped(one.path)}</code></h2>
<p>${escaped(one.summary)} Who: ${who}. ${notes.join(' ')}</p>
<pre>${escaped(request)}</pre>
<pre>${escaped(answer)}</pre>
</section>`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
