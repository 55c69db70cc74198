/**
 * From where and how administrators of a place come in. A role that somebody holds in a place counts only from the networks that its rules allow; whoever holds none
 * that counts is refused at sign-in and at every request. Rules lie in the control file beside the accounts, because they are looked at before there is a tenant to speak of.
 */
import { BlockList, isIP } from 'node:net';
import { type AdministratorId, KuvertError } from '@kuvert/protocol';
import { type AllowedNetworks, type Grant, isAllowed, type Permission } from '@kuvert/protocol/admin';
import { type NoteEffect, requireVersion } from '../../effects.ts';
import { unmapped } from '../../http/client-address.ts';
import type { RowOf, Store, Tx } from '../../store/index.ts';
import { passkeys, signInRules } from './collections.ts';
import { type Place, placeOfScope } from './places.ts';

/** Rules as people see and change them. */
export type SignInRulesOfPlace = Omit<RowOf<typeof signInRules>, 'place' | 'passwordMaxAgeDays'> & {
  readonly passwordMaxAgeDays: number | null;
};

const DAY_MS = 86_400_000;
const NONE: SignInRulesOfPlace = { networks: {}, passkeysOnly: false, passwordMaxAgeDays: null };

/** @see the head of this file */
export class SignInRules {
  readonly #store: Pick<Store, 'operator'>;

  constructor(deps: { readonly store: Pick<Store, 'operator'> }) {
    this.#store = deps.store;
  }

  async of(place: Place): Promise<SignInRulesOfPlace> {
    return rulesOf(await this.#store.operator().find(signInRules, place));
  }

  /**
   * Changes what is given.
   * @throws KuvertError `bad_request` for what is no network, `version_conflict`, `address_excluded` where it would shut out who asks for it,
   * `passkey_required` where they have no passkey
   */
  async change(
    by: {
      readonly administratorId: AdministratorId;
      readonly grants: readonly Grant[];
      readonly address: string;
    },
    asked: {
      readonly place: Place;
      readonly permission: Permission;
      readonly change: Partial<SignInRulesOfPlace>;
      readonly ifMatch: string | undefined;
    },
    note: NoteEffect<'operator'>,
  ): Promise<SignInRulesOfPlace> {
    const { place, permission, change, ifMatch } = asked;
    for (const network of Object.values(change.networks ?? {}).flat()) requireNetwork(network ?? '');
    return this.#store.operator().write(async (tx) => {
      await tx.guard('sign-in-rules', place);
      const before = rulesOf(await tx.find(signInRules, place));
      requireVersion(before, ifMatch);
      const after = { ...before, ...change };
      await note(tx, { before: { ...before }, after: { ...after } });
      const scope = by.grants.map((grant) => grant.scope).find((one) => placeOfScope(one) === place);
      const left = by.grants.filter(
        (grant) => placeOfScope(grant.scope) === place && isWithin(after.networks, grant, by.address),
      );
      if (scope === undefined || !isAllowed(left, permission, scope))
        throw new KuvertError('address_excluded');
      if (after.passkeysOnly && !before.passkeysOnly) await requirePasskey(tx, by.administratorId);
      tx.put(signInRules, { place, ...after });
      return after;
    });
  }

  /** What of somebody's roles counts from an address, and what does not. */
  async split(
    grants: readonly Grant[],
    address: string,
  ): Promise<{ readonly here: Grant[]; readonly elsewhere: Grant[] }> {
    const rules = await this.#ofAll(grants);
    const counts = (grant: Grant) =>
      isWithin(rules.get(placeOfScope(grant.scope))?.networks ?? {}, grant, address);
    return { here: grants.filter(counts), elsewhere: grants.filter((grant) => !counts(grant)) };
  }

  /** @throws KuvertError `address_not_allowed` where nothing of what somebody holds counts from this address */
  async requireAddress(grants: readonly Grant[], address: string): Promise<void> {
    const { here, elsewhere } = await this.split(grants, address);
    if (here.length === 0 && elsewhere.length > 0) throw new KuvertError('address_not_allowed');
  }

  /** Whether somebody may use nothing but passkeys: true as soon as one place where they hold a role wants it. */
  async wantsPasskeys(grants: readonly Grant[]): Promise<boolean> {
    return [...(await this.#ofAll(grants)).values()].some(({ passkeysOnly }) => passkeysOnly);
  }

  /** How old somebody's password may be: of several places the strictest rule counts. Undefined for no limit. */
  async passwordMaxAgeMs(grants: readonly Grant[]): Promise<number | undefined> {
    const days = [...(await this.#ofAll(grants)).values()]
      .map(({ passwordMaxAgeDays }) => passwordMaxAgeDays)
      .filter((one) => one !== null);
    return days.length === 0 ? undefined : Math.min(...days) * DAY_MS;
  }

  async #ofAll(grants: readonly Grant[]): Promise<Map<Place, SignInRulesOfPlace>> {
    const places = [...new Set(grants.map(({ scope }) => placeOfScope(scope)))];
    return new Map(await Promise.all(places.map(async (place) => [place, await this.of(place)] as const)));
  }
}

function rulesOf(row: RowOf<typeof signInRules> | undefined): SignInRulesOfPlace {
  if (row === undefined) return NONE;
  const { networks, passkeysOnly, passwordMaxAgeDays = null } = row;
  return { networks, passkeysOnly, passwordMaxAgeDays };
}

async function requirePasskey(tx: Tx<'operator'>, administratorId: AdministratorId): Promise<void> {
  const query = { index: 'byAdministrator', equals: [administratorId], limit: 1 } as const;
  if ((await tx.list(passkeys, query)).rows.length === 0) throw new KuvertError('passkey_required');
}

/** @throws KuvertError `bad_request` */
function requireNetwork(network: string): void {
  const [address = '', bits] = network.split('/');
  const version = isIP(address);
  // An IPv4 network written as IPv6 would never fit, because addresses are compared as what they are.
  const isMapped = version === 6 && /^::ffff:/i.test(address);
  if (version === 0 || isMapped || bits === '' || Number(bits ?? 0) > (version === 6 ? 128 : 32))
    throw new KuvertError('bad_request', { details: { field: 'networks' } });
}

/** Whether a role counts from an address. */
function isWithin(networks: AllowedNetworks, { role }: Grant, address: string): boolean {
  const allowed = networks[role] ?? networks.everybody;
  if (allowed === undefined) return true;
  const plain = unmapped(address.replace(/%.*$/, ''));
  const version = isIP(plain);
  if (version === 0) return false;
  const list = new BlockList();
  for (const network of allowed) {
    const [base = '', bits] = network.split('/');
    const family = familyOf(isIP(base));
    if (bits === undefined) list.addAddress(base, family);
    else list.addSubnet(base, Number(bits), family);
  }
  return list.check(plain, familyOf(version));
}

function familyOf(version: number): 'ipv4' | 'ipv6' {
  return version === 6 ? 'ipv6' : 'ipv4';
}
