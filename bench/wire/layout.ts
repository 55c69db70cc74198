/**
 * Where things lie in the records of a message with one leg and no body (packages/protocol/src/mailbox.ts), so that neither the load
 * client nor the layers below the codec spend time on decoding. {@link checkLayout} holds it against the real codec.
 */
import {
  CLASSES,
  type DeviceId,
  decodeSubmit,
  decodeSubmitAnswer,
  encodeDelivery,
  encodeSubmit,
  encodeSubmitAnswer,
  equalBytes,
  type GroupId,
  ID_BYTES,
  idToBytes,
  makeId,
  makeSubmitId,
  type PersonId,
  putU32,
  putU48,
  RECORD_TYPES,
  SUITES,
  sliceBytes,
  u32At,
} from '@kuvert/protocol';

/** Bytes of a leg: a sealed text of usual length. XMPP carries the same as {@link XMPP_BODY_CHARACTERS} of base64. */
export const LEG_BYTES = 525;
/** What {@link LEG_BYTES} come to where only text can travel. */
export const XMPP_BODY_CHARACTERS = 700;

/** Offsets in a submit; `body` in one to a group, which has no legs. */
export const SUBMIT_AT = { requestNo: 1, submitId: 5, to: 22, device: 78, leg: 99, body: 82 } as const;
/** Offsets in a delivery; `body` in one to a group, where the group's id is the leg. */
export const DELIVERY_AT = { seq: 1, acceptedAt: 5, flags: 23, leg: 28, body: 49 } as const;
/** Offset of the status in an answer; 0 means accepted. */
export const ANSWER_STATUS_AT = 5;

/** A submit of one leg; number, id and tag are to be written into it before each use. */
export function submitTemplate(to: {
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
  readonly listHash: Uint8Array;
}): Uint8Array<ArrayBuffer> {
  return encodeSubmit({
    requestNo: 0,
    submitId: makeSubmitId(0, new Uint8Array(10)),
    to: to.personId,
    listHash: to.listHash,
    suite: SUITES.signalPairwise,
    class: CLASSES.message,
    urgency: 1,
    lifetime: 1,
    legs: [{ device: to.deviceId, bytes: new Uint8Array(LEG_BYTES).fill(0x5a) }],
  });
}

/** The same to a group, whose present set of devices has this hash. */
export function groupTemplate(to: {
  readonly group: GroupId;
  readonly set: Uint8Array;
}): Uint8Array<ArrayBuffer> {
  return encodeSubmit({
    requestNo: 0,
    submitId: makeSubmitId(0, new Uint8Array(10)),
    to: to.group,
    listHash: to.set,
    suite: SUITES.groupSenderKey,
    class: CLASSES.message,
    urgency: 1,
    lifetime: 1,
    legs: [],
    body: new Uint8Array(LEG_BYTES).fill(0x5a),
  });
}

/** A submit from its template. `tag` finds its way into the leg, where the receiver reads it with {@link tagOf}. */
export function fillSubmit(
  template: Uint8Array,
  message: { readonly requestNo: number; readonly nowMs: number; readonly run: number; readonly tag: number },
  tagAt: number = SUBMIT_AT.leg,
): Uint8Array<ArrayBuffer> {
  const record = sliceBytes(template.length);
  record.set(template);
  putU32(record, SUBMIT_AT.requestNo, message.requestNo);
  // Type byte, 6 bytes of time, 10 bytes that differ for each submit: request numbers are never used twice in a run.
  putU48(record, SUBMIT_AT.submitId + 1, message.nowMs);
  putU32(record, SUBMIT_AT.submitId + 7, message.run);
  putU32(record, SUBMIT_AT.submitId + 11, message.requestNo);
  putU32(record, tagAt, message.tag);
  return record;
}

/** The tag in a delivery. */
export function tagOf(delivery: Uint8Array): number {
  const at = delivery[DELIVERY_AT.flags] === 0 ? DELIVERY_AT.leg : DELIVERY_AT.body;
  return u32At(delivery, at);
}

/** @throws Error when a format has changed and this file has not */
export function checkLayout(ids: { readonly personId: PersonId; readonly deviceId: DeviceId }): void {
  const template = submitTemplate({ ...ids, listHash: new Uint8Array(32) });
  const nowMs = 1_700_000_000_123;
  const record = fillSubmit(template, { requestNo: 7, nowMs, run: 8, tag: 9 });
  const submit = decodeSubmit(record);
  const random = Uint8Array.from([0, 0, 0, 8, 0, 0, 0, 7, 0, 0]);
  const leg = submit.legs[0]?.bytes ?? new Uint8Array(0);
  const delivery = encodeDelivery({
    deliverySeq: 5,
    acceptedAtMs: nowMs,
    expiresAtMs: nowMs,
    suite: submit.suite,
    class: submit.class,
    leg,
  });
  const answer = encodeSubmitAnswer({
    requestNo: 7,
    acceptedAtMs: nowMs,
    legs: [{ device: ids.deviceId, outcome: 'stored' }],
  });
  const deviceBytes = record.subarray(SUBMIT_AT.device, SUBMIT_AT.device + ID_BYTES);
  const deliverySeq = u32At(delivery, DELIVERY_AT.seq);
  const group = makeId('group', new Uint8Array(16));
  const toGroup = decodeSubmit(
    fillSubmit(
      groupTemplate({ group, set: new Uint8Array(32) }),
      { requestNo: 7, nowMs, run: 8, tag: 9 },
      SUBMIT_AT.body,
    ),
  );
  const fromGroup = encodeDelivery({
    deliverySeq: 5,
    acceptedAtMs: nowMs,
    expiresAtMs: nowMs,
    suite: toGroup.suite,
    class: toGroup.class,
    leg: idToBytes(group),
    ...(toGroup.body && { body: toGroup.body }),
  });
  const fits =
    tagOf(fromGroup) === 9 &&
    equalBytes(record.subarray(SUBMIT_AT.to, SUBMIT_AT.to + ID_BYTES), idToBytes(ids.personId)) &&
    submit.requestNo === 7 &&
    submit.submitId === makeSubmitId(nowMs, random) &&
    equalBytes(deviceBytes, idToBytes(ids.deviceId)) &&
    equalBytes(record.subarray(SUBMIT_AT.leg), leg) &&
    deliverySeq === 5 &&
    tagOf(delivery) === 9 &&
    delivery.length === DELIVERY_AT.leg + LEG_BYTES &&
    answer[0] === RECORD_TYPES.submitAnswer &&
    answer[ANSWER_STATUS_AT] === 0 &&
    'legs' in decodeSubmitAnswer(answer);
  if (!fits) throw new Error('the layout that the benchmark counts on is not that of the protocol any more');
}
