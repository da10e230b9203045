// The agent, events and certificate that the tests of this folder share.
import { strict as assert } from "node:assert";
import { EMPTY_AUDIT_HEAD, type FieldList, type KeyPair, agreementPair, held, identityPair, signed, structure } from "./build.ts";
import {
  type CborValue,
  HOLDER,
  Refusal,
  decodeCertificate,
  decodeIdentityEvent,
  decodeIdentityLog,
  type IdentityLog,
  keyCommitment,
  unhex,
} from "./index.ts";

export const NOW = 1_800_000_000_000;
export const DAY = 86_400_000;

export function refusedAs(refusalClass: string, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof Refusal && error.class === refusalClass);
}

const commitment = (pair: KeyPair): Uint8Array => unhex(keyCommitment(pair.publicKey));

export function installing(kind: number, identity: KeyPair, encryption: KeyPair, online: KeyPair, recovery?: KeyPair): FieldList {
  const next = new Map<CborValue, CborValue>([[1, commitment(online)]]);
  if (recovery !== undefined) next.set(3, commitment(recovery));
  return [
    [2, kind],
    [3, NOW],
    [4, identity.field],
    [5, 1],
    [6, encryption.field],
    [7, 0],
    [8, next],
  ];
}

export const following = (seq: number, previous: string, authority: number, revealed: KeyPair, reason: number): FieldList => [
  [9, seq],
  [10, unhex(previous)],
  [11, authority],
  [12, revealed.field],
  [13, reason],
];

export const first: KeyPair = identityPair("first");
export const second: KeyPair = identityPair("second");
export const third: KeyPair = identityPair("third");
export const recovery: KeyPair = identityPair("recovery");
export const encryption: KeyPair = agreementPair("encryption");
export const inception: Uint8Array = signed("identity-event", structure(installing(0, first, encryption, second, recovery)), [
  [HOLDER, first],
]);
export const agentId: string = decodeIdentityEvent(inception).hash;

export const ownLog: IdentityLog = decodeIdentityLog([inception]);
export const instance: KeyPair = identityPair("instance");
export const certificate: Uint8Array = held(
  "instance-certificate",
  [
    [2, unhex(agentId)],
    [3, [0, unhex(agentId)]],
    [4, 3],
    [5, instance.field],
    [6, []],
    [7, EMPTY_AUDIT_HEAD],
    [8, NOW],
    [9, NOW + DAY],
  ],
  first,
);
export const certificateHash: Uint8Array = unhex(decodeCertificate(certificate, ownLog).hash);
