/**
 * One call of the administration API after it was read from HTTP: authorised, carried out, its effects noted, its answer checked. Every outcome passes here,
 * and every refusal for want of a right.
 */
import { type AdministratorId, KuvertError, type TenantId } from '@kuvert/protocol';
import {
  ADMIN_OPERATIONS,
  type AdminOperation,
  type AdminOperationId,
  type GrantScope,
  isAllowed,
  statusOf,
} from '@kuvert/protocol/admin';
import { type Acting, presentActing } from '../../acting.ts';
import type { Clock } from '../../clock.ts';
import type { Effect, Noted } from '../../effects.ts';
import type { Log } from '../../log.ts';
import type { Store, Tx } from '../../store/index.ts';
import type { AdminCaller, AdminHandler, AdminTable, Alongside, Execute, SignedIn } from './admin-routes.ts';
import { AnswerKeptError, KeptAnswers, type KeyedRequest } from './idempotency.ts';

/** Refusals for want of a right that only the handler can tell of. */
const REFUSED_BY_HANDLER: ReadonlySet<string> = new Set(['not_allowed', 'approval_own']);

/** How long a second factor counts as fresh. */
export const STEP_UP_MS = 5 * 60_000;

/** What is known of an effect beside itself and who is acting (acting.ts). */
export interface EffectContext {
  readonly operation: AdminOperationId;
  /** Tenants whose matter it is; none for what concerns the installation alone. */
  readonly tenantId: TenantId | undefined;
  readonly place: GrantScope;
  /** It was asked for and waits for somebody else. */
  readonly isRequest: boolean;
  /** Who has approved it, where it took four eyes. */
  readonly approvedBy: AdministratorId | undefined;
}

/** What the API needs from the features. */
export interface AdminGate {
  /** Who holds this token or key, with what counts of it from this address; undefined when nobody does. */
  authenticate(token: string, address: string): Promise<AdminCaller | undefined>;
  /** Somebody with what they hold now; undefined when they hold nothing any more. */
  callerAgain(administratorId: AdministratorId): Promise<SignedIn | undefined>;
  /** Whether a tenant may do anything now. */
  isSuspended(tenantId: TenantId): Promise<boolean>;
  /** Told of every request that was refused for want of a right. */
  onRefused(caller: AdminCaller, operation: AdminOperationId, place: GrantScope): Promise<void>;
  /** Told of every call that changed something of which nobody left a record. */
  onUnrecorded(caller: AdminCaller | undefined, place: GrantScope): Promise<void>;
  /** The promise that what was recorded for a request will be in the log; undefined when nothing was. */
  promiseFor(recorded: Acting['recorded']): Promise<string | undefined>;
  /** Told of every effect, in the commit that makes it. */
  onTenantEffect(tx: Tx<'tenant'>, context: EffectContext, effect: Effect): Promise<void>;
  onOperatorEffect(tx: Tx<'operator'>, context: EffectContext, effect: Effect): Promise<void>;
  /** Puts down what somebody else has to approve. @returns the answer 202 */
  requestApproval(
    caller: SignedIn,
    asked: {
      readonly operation: AdminOperationId;
      readonly place: GrantScope;
      readonly params: object;
      readonly body: object;
    },
    noted: Noted,
  ): Promise<object>;
}

/** A call as it was read. */
export interface AdminCall {
  readonly id: AdminOperationId;
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly caller: AdminCaller | undefined;
  readonly place: GrantScope;
  readonly address: string;
  readonly language: 'en' | 'de';
  readonly requestId: string;
  readonly deviceCookie: string | undefined;
  readonly ifMatch: string | undefined;
  readonly keyed: KeyedRequest | undefined;
}

/** What is answered over HTTP. */
export interface CallAnswer {
  readonly status: number;
  readonly json: string | undefined;
  readonly etag?: string | undefined;
  readonly setCookies?: readonly string[] | undefined;
  readonly isRepeated?: boolean;
}

/** The operation of an id. */
export function operationOf(id: AdminOperationId): AdminOperation {
  return ADMIN_OPERATIONS[id];
}

/** @see the head of this file */
export class AdminCalls {
  readonly #gate: AdminGate;
  readonly #routes: AdminTable;
  readonly #store: Pick<Store, 'tenant' | 'operator'>;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #log: Log;
  readonly #kept: KeptAnswers;
  /** Refusals that are in the audit log. */
  readonly #told = new WeakSet<object>();

  constructor(deps: {
    readonly gate: AdminGate;
    readonly routes: AdminTable;
    readonly store: Pick<Store, 'tenant' | 'operator'>;
    readonly clock: Pick<Clock, 'nowMs'>;
    readonly log: Log;
  }) {
    this.#gate = deps.gate;
    this.#routes = deps.routes;
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#kept = new KeptAnswers(deps);
  }

  /**
   * Whether somebody may call an operation in a place.
   * @throws KuvertError `not_found` where they have no part, `not_allowed` where they have no right, `address_not_allowed` where they
   * have it from elsewhere, `tenant_suspended`, `step_up_required`, `password_change_required`
   */
  async authorise(caller: AdminCaller, asked: Pick<AdminCall, 'id' | 'place'>): Promise<void> {
    const refuse = async (code: 'address_not_allowed' | 'not_allowed' | 'not_found' | 'tenant_suspended') => {
      await this.#gate.onRefused(caller, asked.id, asked.place);
      const refusal = new KuvertError(code);
      this.#told.add(refusal);
      return refusal;
    };
    const { access, stepUp, method, beforeNewPassword } = operationOf(asked.id);
    if (access === 'public') return;
    const { grants, elsewhere } = caller;
    if (grants.length === 0 && elsewhere.length > 0) throw await refuse('address_not_allowed');
    if (caller.kind === 'administrator' && caller.passwordDue !== undefined && !beforeNewPassword)
      throw new KuvertError('password_change_required', { details: { reason: caller.passwordDue } });
    const may =
      access === 'signed-in'
        ? caller.kind === 'administrator'
        : isAllowed(grants, access, asked.place) &&
          (caller.kind === 'administrator' || caller.permissions.includes(access));
    if (!may) {
      if (access !== 'signed-in' && isAllowed(elsewhere, access, asked.place))
        throw await refuse('address_not_allowed');
      // Of a tenant in which somebody has no part it is not even said that it is there.
      const isKnown = [...grants, ...elsewhere].some(({ scope }) => touches(scope, asked.place));
      throw await refuse(isKnown ? 'not_allowed' : 'not_found');
    }
    // While a tenant is suspended people may read, and programs do nothing.
    const isReading = method === 'GET' && caller.kind === 'administrator';
    if (!isReading && 'tenantId' in asked.place && (await this.#gate.isSuspended(asked.place.tenantId)))
      throw await refuse('tenant_suspended');
    if (!stepUp) return;
    // A program has no second factor, and nothing that asks for one is for programs.
    if (caller.kind !== 'administrator') throw await refuse('not_allowed');
    if (this.#clock.nowMs() - caller.stepUpAtMs > STEP_UP_MS) throw new KuvertError('step_up_required');
  }

  /** Carries out a call that is authorised; one that was carried out before under the same key is answered as then. */
  async carryOut(call: AdminCall): Promise<CallAnswer> {
    const { keyed } = call;
    if (keyed === undefined) return this.#perform(call);
    const before = await this.#answerBefore(call, keyed);
    if (before !== undefined) return before;
    try {
      return await this.#perform(call);
    } catch (error) {
      // Of two at the same time the later one fails, at the kept answer or at what the first has made.
      const answer = await this.#answerBefore(call, keyed);
      if (answer !== undefined) return answer;
      if (error instanceof AnswerKeptError) throw new KuvertError('store_busy', { cause: error });
      throw error;
    }
  }

  async #answerBefore(call: AdminCall, keyed: KeyedRequest): Promise<CallAnswer | undefined> {
    const tenantId = call.params.tenantId as TenantId | undefined;
    const scope =
      tenantId === undefined || call.place.kind === 'installation' ? undefined : this.#store.tenant(tenantId);
    const kept = await this.#kept.find(keyed, scope);
    return kept === undefined ? undefined : { status: kept.status, json: kept.json, isRepeated: true };
  }

  async #perform(call: AdminCall): Promise<CallAnswer> {
    try {
      return await this.#requestOrRun(call);
    } catch (error) {
      const isRefusal = error instanceof KuvertError && REFUSED_BY_HANDLER.has(error.code);
      if (call.caller !== undefined && isRefusal && !this.#told.has(error))
        await this.#gate.onRefused(call.caller, call.id, call.place);
      throw error;
    }
  }

  async #requestOrRun(call: AdminCall): Promise<CallAnswer> {
    const one = operationOf(call.id);
    if (one.fourEyes?.(call.body) === true && call.caller?.kind === 'administrator') {
      const { id: operation, place, params, body = {} } = call;
      const noted = this.#notedOf(call, { status: 202 });
      const waiting = await this.#gate.requestApproval(
        call.caller,
        { operation, place, params, body },
        noted,
      );
      return { status: 202, json: JSON.stringify(waiting) };
    }
    return this.#run(call, {});
  }

  /** Runs the handler and checks what it gives. */
  async #run(
    call: AdminCall,
    more: { approvedBy?: AdministratorId; alongside?: Alongside },
  ): Promise<CallAnswer> {
    const one = operationOf(call.id);
    const status = statusOf(one);
    const noted = this.#notedOf(call, { status, ...more });
    const handler = this.#routes[call.id] as AdminHandler<AdminOperationId>;
    const request = { ...call, noted, execute: this.#executing(call) };
    const { result, etag, setCookies } = await handler(request as never);
    const json = resultJson(one, result);
    const { recorded } = presentActing();
    if (one.method !== 'GET' && !one.changesNothing && recorded.length === 0)
      await this.#gate.onUnrecorded(call.caller, call.place);
    this.#log.info({ event: 'admin-call', method: call.id });
    return { status, json, etag, setCookies };
  }

  #executing(call: AdminCall): Execute {
    return async ({ operation, params, body, askedBy, approvedBy, alongside }) => {
      const id = operation as AdminOperationId;
      const caller = await this.#gate.callerAgain(askedBy);
      if (caller === undefined) throw new KuvertError('not_allowed');
      const one = operationOf(id);
      const approved: AdminCall = {
        ...call,
        id,
        caller,
        params: one.params.parse(params),
        query: {},
        body: one.body?.parse(body),
        ifMatch: undefined,
        keyed: undefined,
      };
      // Their second factor was fresh when they asked.
      await this.authorise({ ...caller, stepUpAtMs: this.#clock.nowMs() }, approved);
      const { json } = await this.#run(approved, { approvedBy, alongside });
      return json === undefined ? undefined : (JSON.parse(json) as object);
    };
  }

  #notedOf(
    call: AdminCall,
    more: {
      readonly status: number;
      readonly approvedBy?: AdministratorId;
      readonly alongside?: Alongside;
    },
  ): Noted {
    const { id: operation, place, keyed } = call;
    const { status, approvedBy, alongside } = more;
    const tenantId = call.params.tenantId as TenantId | undefined;
    const context = { operation, place, tenantId, approvedBy, isRequest: status === 202 };
    const one = operationOf(operation);
    const answerOf = ({ answer }: Effect) => ({
      status,
      json: status === 202 ? JSON.stringify(answer) : (resultJson(one, answer) ?? ''),
    });
    return {
      tenant: async (tx, effect) => {
        await alongside?.('tenant', tx);
        if (keyed) await this.#kept.keep({ kind: 'tenant', tx }, keyed, answerOf(effect));
        await this.#gate.onTenantEffect(tx, context, effect);
      },
      operator: async (tx, effect) => {
        await alongside?.('operator', tx);
        if (keyed) await this.#kept.keep({ kind: 'operator', tx }, keyed, answerOf(effect));
        await this.#gate.onOperatorEffect(tx, context, effect);
      },
    };
  }
}

/** @throws KuvertError `internal` for a result that does not fit its schema: a fault of ours */
function resultJson(one: AdminOperation, result: unknown): string | undefined {
  const checked = one.result?.safeParse(result);
  if (checked?.success === false)
    throw new KuvertError('internal', { details: { reason: 'result_invalid' } });
  return checked === undefined ? undefined : JSON.stringify(checked.data);
}

/** Whether somebody with a grant there knows that this place exists. */
function touches(scope: GrantScope, place: GrantScope): boolean {
  if (scope.kind === 'installation' || place.kind === 'installation') return true;
  return scope.tenantId === place.tenantId;
}
