import assert from "node:assert/strict";
import { test } from "node:test";
import { signerOf } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { utf8 } from "../bytes/utf8.ts";
import * as core from "../index.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { LABELS, type Label } from "./labels.ts";
import { decodeSigned, encodeSigned, prepareSigned, ROLE, signedBytes, verifySigned, type Role } from "./signed.ts";

const signer = signerOf("signed test");
const body = utf8("a body");

function wireFor(label: Label, role: Role): Uint8Array {
  const [toSign] = prepareSigned(label, body, [role]).toSign;
  return encodeSigned(body, [{ role, algorithm: 1, signature: signer.sign(toSign?.bytes ?? body) }]);
}

test("failure 7: a signature is good for one label and one role, and for no bare bytes", () => {
  const labels = Object.values(LABELS).filter((label) => label.includes("/sign/"));
  for (const label of labels) {
    for (const role of Object.values(ROLE)) {
      const signed = decodeSigned(wireFor(label, role), "test", 1000);
      for (const otherLabel of labels) {
        for (const otherRole of Object.values(ROLE)) {
          const verify = (): void =>
            verifySigned(
              otherLabel,
              { body, signatures: signed.signatures.map((entry) => ({ ...entry, role: otherRole })) },
              new Map([[otherRole, signer.key]]),
              nodeCrypto,
            );
          if (otherLabel === label && otherRole === role) verify();
          else assertRefused(verify, `${label} ${role} as ${otherLabel} ${otherRole}`, "SIGNATURE_INVALID");
        }
      }
    }
  }
  const bare = { body, signatures: [{ role: ROLE.holder, algorithm: 1, signature: signer.sign(body) }] } as const;
  assertRefused(
    () => verifySigned(LABELS.signPrekeyBatch, bare, new Map([[ROLE.holder, signer.key]]), nodeCrypto),
    "bare",
    "SIGNATURE_INVALID",
  );
});

test("failure 7: what a body means is fixed before it is signed: no function of core signs what it is given", () => {
  const signing = Object.keys(core).filter((name) => /^sign[A-Z]/.test(name));
  assert.deepEqual(signing, ["signRequest"]);
});

test("what is signed begins with the label, a zero byte and the role", () => {
  const bytes = signedBytes(LABELS.signNotice, ROLE.holder, body);
  assert.deepEqual(bytes, utf8(`${LABELS.signNotice}\u0000\u0001a body`));
});

test("exactly the expected roles sign, under the algorithm of their keys", () => {
  const [toSign] = prepareSigned(LABELS.signNotice, body, [ROLE.holder]).toSign;
  const entry = { role: ROLE.holder, algorithm: 1, signature: signer.sign(toSign?.bytes ?? body) } as const;
  const other = { ...entry, role: ROLE.revealed } as const;
  const verify = (entries: readonly (typeof entry | typeof other)[], roles: readonly Role[]): void =>
    verifySigned(LABELS.signNotice, { body, signatures: entries }, new Map(roles.map((role) => [role, signer.key])), nodeCrypto);
  verify([entry], [1]);
  assertRefused(() => verify([], [1]), "missing", "SIGNATURE_INVALID");
  assertRefused(() => verify([], []), "none asked for", "SIGNATURE_INVALID");
  assertRefused(() => verify([entry, other], [1]), "surplus", "SIGNATURE_INVALID");
  assertRefused(() => verify([entry, entry], [1, 2]), "one role twice", "SIGNATURE_INVALID");
  assertRefused(
    () => verifySigned(LABELS.signNotice, { body, signatures: [{ ...entry, algorithm: 4 }] }, new Map([[1, signer.key]]), nodeCrypto),
    "another algorithm beside a valid signature",
    "SIGNATURE_INVALID",
  );
  const es256 = { algorithm: 4, bytes: signer.key.bytes } as const;
  assertRefused(
    () => verifySigned(LABELS.signNotice, { body, signatures: [entry] }, new Map([[1, es256]]), nodeCrypto),
    "algorithm",
    "SIGNATURE_INVALID",
  );
});

test("entries are written in the order of their roles; two of one role are refused", () => {
  const entry = (role: Role): { role: Role; algorithm: 1; signature: Uint8Array } => ({
    role,
    algorithm: 1,
    signature: new Uint8Array(64).fill(role),
  });
  const { signatures } = decodeSigned(encodeSigned(body, [entry(3), entry(1), entry(2)]), "test", 1000);
  assert.deepEqual(
    signatures.map(({ role }) => role),
    [1, 2, 3],
  );
  assertRefused(() => encodeSigned(body, [entry(1), entry(1)]), "twice", "MALFORMED");
  assertRefused(() => encodeSigned(body, []), "none", "MALFORMED");
  assertRefused(() => decodeSigned(wireFor(LABELS.signNotice, 1), "test", 50), "larger than allowed", "MALFORMED");
});
