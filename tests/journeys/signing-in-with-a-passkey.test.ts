/** Signing in with a passkey, in a real browser with a virtual authenticator (C4). */
import { AdminClient } from '@kuvert/protocol/admin';
import { becomeAdministrator, placeOn, startInstallation } from '@kuvert/testkit';
import { expect, test } from 'vitest';
import { hasBrowser, withBrowser } from './browser.ts';

const create = (options: unknown) =>
  `navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(${JSON.stringify(options)})}).then((made) => made.toJSON())`;
const show = (options: unknown) =>
  `navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(${JSON.stringify(options)})}).then((shown) => shown.toJSON())`;

/** What the API takes of what a browser gives. */
function credentialOf(given: object) {
  const { id, rawId, type, clientExtensionResults, response } = given as {
    readonly response: Readonly<Record<string, unknown>>;
  } & Readonly<Record<string, unknown>>;
  const { clientDataJSON, attestationObject, transports, authenticatorData, signature, userHandle } =
    response;
  const made = { clientDataJSON, attestationObject, transports };
  const shown = { clientDataJSON, authenticatorData, signature, userHandle };
  return { id, rawId, type, clientExtensionResults, response: attestationObject ? made : shown };
}

test.runIf(hasBrowser)(
  'C4 a passkey that verifies its user signs in by itself, once per challenge, at our origin, until it is removed',
  async () => {
    await using installation = await startInstallation();
    const url = installation.url.replace('127.0.0.1', 'localhost');
    const place = placeOn(installation.url, installation.clock);
    const code = installation.server.setUpCode as string;
    const olga = await becomeAdministrator(place, code, { name: 'Olga', mail: 'olga@example.test' });
    await withBrowser(async (page, authenticatorId) => {
      await page.send('Page.navigate', { url: `${url}/` });
      while ((await page.run<string>('location.href + document.readyState')) !== `${url}/complete`);

      const begun = await olga.call('passkeys.begin');
      const made = await page.run<object>(create(begun.result.options));
      const body = { name: 'Laptop', credential: credentialOf(made) as never };
      const { result: added } = await olga.call('passkeys.create', { body });
      await expect(olga.call('passkeys.create', { body })).rejects.toMatchObject({
        code: 'passkey_not_valid',
      });

      const anybody = new AdminClient({ url: installation.url, fetch });
      const shownNow = async () => {
        const { result } = await anybody.call('passkey-sign-in.begin');
        return { credential: credentialOf(await page.run<object>(show(result.options))) as never };
      };
      const shown = await shownNow();
      const { result: session } = await anybody.call('passkey-sign-in.finish', { body: shown });
      const { result: me } = await anybody.as(session.token).call('me');
      expect(me.mail).toBe('olga@example.test');
      const refused = { code: 'sign_in_failed' };
      await expect(anybody.call('passkey-sign-in.finish', { body: shown })).rejects.toMatchObject(refused);

      const late = await shownNow();
      installation.clock.advance(6 * 60_000);
      await expect(anybody.call('passkey-sign-in.finish', { body: late })).rejects.toMatchObject(refused);

      await page.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
      await expect(shownNow()).rejects.toThrow();
      await page.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });

      // Passkeys only: the app does not count any more, a passkey does, and the last one stays.
      await olga.stepUp();
      const ways = await olga.call('operator-sign-in-rules.get');
      const only = { ifMatch: ways.etag, body: { passkeysOnly: true } };
      const { etag } = await olga.call('operator-sign-in-rules.change', only);
      const wanted = { code: 'passkey_required' };
      await expect(olga.signIn()).rejects.toMatchObject(wanted);
      await expect(olga.stepUp()).rejects.toMatchObject(wanted);
      const gone = { params: { passkeyId: added.passkeyId } };
      await expect(olga.call('passkeys.delete', gone)).rejects.toMatchObject(wanted);
      installation.clock.advance(6 * 60_000);
      const back = { ifMatch: etag, body: { passkeysOnly: false } };
      const stale = olga.call('operator-sign-in-rules.change', back);
      await expect(stale).rejects.toMatchObject({ code: 'step_up_required' });
      const asked = await olga.call('passkey-step-up.begin');
      const again = credentialOf(await page.run<object>(show(asked.result.options))) as never;
      await olga.call('passkey-step-up.finish', { body: { credential: again } });
      const twice = olga.call('passkey-step-up.finish', { body: { credential: again } });
      await expect(twice).rejects.toMatchObject(refused);
      await olga.call('operator-sign-in-rules.change', back);

      const last = await shownNow();
      await olga.stepUp();
      const { result: own } = await olga.call('passkeys.list');
      expect(own.passkeys).toMatchObject([{ passkeyId: added.passkeyId, name: 'Laptop' }]);
      await olga.call('passkeys.delete', { params: { passkeyId: added.passkeyId } });
      await expect(anybody.call('passkey-sign-in.finish', { body: last })).rejects.toMatchObject(refused);
      // Wrong ones are made to wait longer and longer.
      const trying = async () => {
        const codes: string[] = [];
        for (let tries = 0; tries < 7; tries++) {
          const wrong = anybody.call('passkey-sign-in.finish', { body: last });
          codes.push(
            await wrong.then(
              () => 'signed in',
              (error: { code: string }) => error.code,
            ),
          );
        }
        return codes;
      };
      expect(await trying()).toContain('rate_limited');
    });
  },
);
