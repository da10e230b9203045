// Events, logs, certificates, prekeys: examples built from the specification.
import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { type KeyPair, agreementPair, held, identityPair, keyPair, signed, structure, zeros } from "./build.ts";
import {
  DAY,
  NOW,
  agentId,
  encryption,
  first,
  following,
  inception,
  installing,
  ownLog,
  recovery,
  refusedAs,
  second,
  third,
} from "./examples.ts";
import {
  HOLDER,
  ML_KEM_768,
  OUTGOING,
  REVEALED,
  auditPath,
  batchRoot,
  decodeIdentityEvent,
  compareChains,
  decodeIdentityLog,
  inForce,
  decodeStatement,
  sha256,
  statementEntry,
  unhex,
  verifyBundle,
} from "./index.ts";

describe("the independent decoder: identity, certificates, prekeys", () => {
  const encryption2 = agreementPair("encryption 2");
  const planned = signed(
    "identity-event",
    structure([...installing(1, second, encryption2, third, recovery), ...following(1, agentId, 1, second, 0), [14, 60]]),
    [
      [HOLDER, second],
      [REVEALED, second],
      [OUTGOING, first],
    ],
  );
  const plannedHash = decodeIdentityEvent(planned).hash;
  const fresh = identityPair("fresh");
  const recovered = signed(
    "identity-event",
    structure([
      ...installing(1, fresh, encryption2, third, identityPair("recovery 2")),
      ...following(1, agentId, 3, recovery, 1),
      [14, 0],
      [15, 7],
      [16, [9, zeros(32)]],
    ]),
    [
      [HOLDER, fresh],
      [REVEALED, recovery],
    ],
  );
  const revoked = signed("identity-event", structure([[2, 2], [3, NOW], ...following(2, plannedHash, 1, third, 3)]), [[REVEALED, third]]);

  it("follows a log from event to event", () => {
    assert.equal(decodeIdentityLog([inception]).agentId, agentId);
    assert.equal(decodeIdentityLog([inception, planned]).head.hash, plannedHash);
    const log = decodeIdentityLog([inception, planned, revoked]);
    assert.deepEqual(log.state, decodeIdentityLog([inception, planned]).state);
    refusedAs("agent-revoked", () => inForce(log, log.head));
    assert.equal(decodeIdentityLog([inception, recovered]).head.seq, 1);
    refusedAs("log-invalid", () => decodeIdentityLog([inception, planned, recovered]));
    refusedAs("log-invalid", () => decodeIdentityLog([inception, revoked]));
    refusedAs("log-invalid", () => decodeIdentityLog([inception, recovered, planned]));
  });

  it("knows which of two chains stands", () => {
    const verdict = compareChains(decodeIdentityLog([inception, planned, revoked]), [inception, recovered]);
    assert.equal(verdict.kind, "replaced");
    assert.equal(verdict.cutOff.length, 2);
    assert.equal(compareChains(verdict.stands, [inception, planned]).kind, "refused");
  });

  it("refuses events with wrong roles, keys and signatures", () => {
    const body = structure(installing(0, first, encryption, second));
    refusedAs("signature-invalid", () =>
      decodeIdentityEvent(
        signed("identity-event", body, [
          [HOLDER, first],
          [REVEALED, second],
        ]),
      ),
    );
    refusedAs("signature-invalid", () => decodeIdentityEvent(signed("identity-event", body, [[REVEALED, first]])));
    refusedAs("signature-invalid", () => decodeIdentityEvent(signed("identity-event", body, [[HOLDER, second]])));
    refusedAs("signature-invalid", () => decodeIdentityEvent(signed("prekey-batch", body, [[HOLDER, first]])));
    const small: KeyPair = { ...encryption, field: [2, zeros(32)] };
    refusedAs("weak-public-key", () =>
      decodeIdentityEvent(signed("identity-event", structure(installing(0, first, small, second)), [[HOLDER, first]])),
    );
    const critical = structure([...installing(0, first, encryption, second), [99, [[5, true, zeros(0)]]]]);
    refusedAs("unsupported-extension", () => decodeIdentityEvent(signed("identity-event", critical, [[HOLDER, first]])));
  });

  it("verifies a bundle from its parts", () => {
    const statements = ["s", "a", "b"].map((name, index) =>
      structure([
        [2, index === 0 ? 0 : 1],
        [3, sha256(name).subarray(0, 8)],
        [4, agreementPair(name).field],
        [5, keyPair(ML_KEM_768, name).field],
        [6, NOW],
        [7, NOW + DAY],
      ]),
    );
    const root = unhex(batchRoot(statements));
    const ordered = statements.toSorted((a, b) => (decodeStatement(a).id < decodeStatement(b).id ? -1 : 1));
    const entries = ordered.map(statementEntry);
    const place = (statement: Uint8Array) => ({
      statement,
      index: ordered.indexOf(statement),
      path: auditPath(ordered.indexOf(statement), entries),
    });
    const batch = held(
      "prekey-batch",
      [
        [2, unhex(agentId)],
        [3, [0, unhex(agentId)]],
        [4, 1],
        [5, ["https://keys.example:8443"]],
        [6, NOW],
        [7, NOW + DAY],
        [8, 3],
        [9, root],
      ],
      first,
    );
    const [signedPrekey = zeros(0), oneTime = zeros(0)] = statements;
    const parts = { batch, signedPrekey: place(signedPrekey), oneTimePrekey: place(oneTime) };
    assert.equal(verifyBundle(parts, ownLog, NOW).oneTimePrekey?.kind, 1);
    refusedAs("batch-expired", () => verifyBundle(parts, ownLog, NOW + DAY));
    refusedAs("bundle-invalid", () => verifyBundle({ ...parts, signedPrekey: parts.oneTimePrekey }, ownLog));
    refusedAs("bundle-invalid", () =>
      verifyBundle({ ...parts, oneTimePrekey: { ...parts.oneTimePrekey, path: parts.signedPrekey.path } }, ownLog),
    );
    const otherLog = decodeIdentityLog([signed("identity-event", structure(installing(0, second, encryption, third)), [[HOLDER, second]])]);
    refusedAs("batch-invalid", () => verifyBundle(parts, otherLog));
  });
});
