/** The one page of the public listener: what this address is, for a person who opened it in a browser. */
import { createHash } from 'node:crypto';

const STYLE =
  'body{font:1.1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:4rem auto;padding:0 1rem;color:#222;background:#fff}' +
  '@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}}';

const TEXTS = {
  en: {
    title: 'Kuvert',
    lines: [
      'This is a Kuvert server. It passes on sealed messages that it cannot read.',
      'There is nothing to see here in a browser: to write messages you need the app and an enrolment token from your administrator.',
    ],
  },
  de: {
    title: 'Kuvert',
    lines: [
      'Dies ist ein Kuvert-Server. Er leitet versiegelte Nachrichten weiter, die er nicht lesen kann.',
      'Im Browser gibt es hier nichts zu sehen: Zum Schreiben brauchen Sie die App und ein Registrierungs-Token von Ihrer Administration.',
    ],
  },
} as const;

/** Headers that let the page do nothing but be read. */
export const STATUS_PAGE_HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  vary: 'Accept-Language',
} as const;

/** The page as HTML. */
export function statusPage(language: 'en' | 'de'): string {
  const { title, lines } = TEXTS[language];
  const text = lines.map((line) => `<p>${line}</p>`).join('\n');
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
${text}
</body>
</html>
`;
}

/** German or English, whichever an `Accept-Language` header prefers (RFC 9110 §12.5.4); English when it prefers neither. */
export function preferredLanguage(header: string | undefined): 'en' | 'de' {
  const weights = { en: 0, de: 0 };
  for (const part of (header ?? '').slice(0, 500).split(',')) {
    const [tag = '', ...parameters] = part.trim().toLowerCase().split(';');
    const language = tag.split('-')[0];
    if (language !== 'en' && language !== 'de') continue;
    const quality = parameters
      .map((parameter) => /^\s*q=([01](?:\.\d{1,3})?)\s*$/.exec(parameter)?.[1])
      .find(Boolean);
    weights[language] = Math.max(weights[language], quality === undefined ? 1 : Number(quality));
  }
  return weights.de > weights.en ? 'de' : 'en';
}
