/** The page that shows or makes a passkey for a terminal (`features/administrators/browser-requests.ts`). It loads nothing from elsewhere and speaks to this server alone. */
import { createHash } from 'node:crypto';
import { ADMIN_BASE } from '@kuvert/protocol/admin';

/** Where the page lies. */
export const BROWSER_PAGE_PATH = `${ADMIN_BASE}/browser`;

const STYLE = `body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#222;background:#fff}
button{font:inherit;padding:.6rem 1.2rem;border:1px solid #666;border-radius:.4rem;cursor:pointer}output{display:block;font:700 2rem/2 ui-monospace,monospace}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}}`;

const TEXTS = {
  en: {
    title: 'Passkey for a terminal',
    loading: 'One moment …',
    'sign-in': 'A terminal at {address} wants to sign in.',
    'step-up': 'A terminal at {address}, where you are signed in, asks for a fresh second factor.',
    'add-passkey': 'A terminal at {address}, where you are signed in, adds a passkey to your account.',
    warning:
      'Go on only if you have just begun this yourself. Whoever has sent you this address wants to come in as you.',
    button: 'Go on with a passkey',
    answer: 'Type this into that terminal, and give it to nobody:',
    added: 'The passkey was added. You may close this page.',
    failed: 'That did not work:',
    none: 'This page is opened by an address that a terminal shows (“kuvert admin”).',
    noscript: 'This page needs JavaScript, because passkeys do.',
  },
  de: {
    title: 'Passkey für ein Terminal',
    loading: 'Einen Moment …',
    'sign-in': 'Ein Terminal unter {address} möchte sich anmelden.',
    'step-up':
      'Ein Terminal unter {address}, an dem Sie angemeldet sind, fragt nach einem frischen zweiten Faktor.',
    'add-passkey':
      'Ein Terminal unter {address}, an dem Sie angemeldet sind, fügt Ihrem Konto einen Passkey hinzu.',
    warning:
      'Bitte nur fortfahren, wenn Sie das gerade selbst begonnen haben. Wer Ihnen diese Adresse geschickt hat, möchte als Sie hereinkommen.',
    button: 'Mit einem Passkey fortfahren',
    answer: 'Bitte in jenes Terminal eingeben und niemandem weitergeben:',
    added: 'Der Passkey wurde hinzugefügt. Diese Seite kann geschlossen werden.',
    failed: 'Das hat nicht geklappt:',
    none: 'Diese Seite wird über eine Adresse geöffnet, die ein Terminal zeigt („kuvert admin“).',
    noscript: 'Diese Seite braucht JavaScript, weil Passkeys es brauchen.',
  },
} as const;

/** The code stands behind the `#`, which browsers send nowhere, and is taken out of the address at once. */
const SCRIPT = `'use strict';
const lang = document.documentElement.lang, T = JSON.parse(document.getElementById('texts').textContent);
const at = (id) => document.getElementById(id), code = location.hash.slice(1);
history.replaceState(null, '', location.pathname);
// Another address opened in the same tab.
addEventListener('hashchange', () => location.reload());
const post = async (path, body) => {
  const answer = await fetch('/api/v1/browser-requests/' + path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'accept-language': lang } });
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.title);
  return json;
};
const fail = (error) => { at('go').hidden = true; at('warning').hidden = true; at('what').textContent = T.failed + ' ' + error.message; };
const run = async (request) => {
  const made = request.kind === 'add-passkey'
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(request.options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(request.options) });
  const { id, rawId, type, clientExtensionResults, response: r } = made.toJSON();
  const response = r.attestationObject
    ? { clientDataJSON: r.clientDataJSON, attestationObject: r.attestationObject, transports: r.transports }
    : { clientDataJSON: r.clientDataJSON, authenticatorData: r.authenticatorData, signature: r.signature, userHandle: r.userHandle };
  const { answer } = await post('answer', { code, credential: { id, rawId, type, clientExtensionResults, response } });
  at('go').hidden = true;
  at('warning').hidden = true;
  at('what').textContent = answer ? T.answer : T.added;
  at('answer').textContent = answer || '';
};
if (code === '') at('what').textContent = T.none;
else post('open', { code }).then((request) => {
  at('what').textContent = T[request.kind].replace('{address}', request.address);
  at('warning').hidden = false;
  at('go').hidden = false;
  at('go').addEventListener('click', () => run(request).catch(fail), { once: true });
}, fail);
`;

const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Headers that let the page run its one script and speak to this server, and nothing else. */
export function browserPageHeaders(language: 'en' | 'de') {
  return {
    'content-security-policy': `default-src 'none'; script-src ${sha256(SCRIPT)}; style-src ${sha256(STYLE)}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'content-language': language,
    vary: 'Accept-Language',
  } as const;
}

/** The page as HTML. */
export function browserPage(language: 'en' | 'de'): string {
  const texts = TEXTS[language];
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kuvert: ${texts.title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${texts.title}</h1>
<p id="what" role="status">${texts.loading}</p>
<p id="warning" hidden>${texts.warning}</p>
<p><button id="go" type="button" hidden>${texts.button}</button></p>
<output id="answer"></output>
<noscript>${texts.noscript}</noscript>
<script type="application/json" id="texts">${JSON.stringify(texts).replaceAll('<', '\\u003c')}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}
