// Signed requests and JSON bodies: examples built from the specification.
import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { signEd25519, zeros } from "./build.ts";
import { agentId, instance, NOW, refusedAs } from "./examples.ts";
import { checkRequest, decodeBody, didOf, hex, sha256, signatureBase } from "./index.ts";

const read = (name: string, value: unknown): unknown => decodeBody(name, new TextEncoder().encode(JSON.stringify(value)));

describe("the independent decoder: requests and bodies", () => {
  const requestBody = new TextEncoder().encode("{}");
  const digest = `sha-256=:${Buffer.from(sha256(requestBody)).toString("base64")}:`;
  const parameters = `("@method" "@authority" "@path" "@query" "content-digest");created=1800000000;nonce="${Buffer.alloc(16).toString("base64url")}";keyid="${didOf(agentId)}#0.3";alg="ed25519";tag="talos-v1"`;
  const bare = { method: "POST", authority: "keys.example", target: "/v1/x", headers: {}, body: requestBody };
  const signature = Buffer.from(signEd25519(instance, new TextEncoder().encode(signatureBase(bare, digest, parameters)))).toString(
    "base64",
  );
  const request = {
    ...bare,
    headers: { "signature-input": `talos=${parameters}`, signature: `talos=:${signature}:`, "content-digest": digest },
  };

  it("checks a signed request", () => {
    assert.equal(checkRequest(request, instance.publicKey).generation, 3);
    refusedAs("digest-mismatch", () => checkRequest({ ...request, body: zeros(1) }, instance.publicKey));
    refusedAs("signature-invalid", () => checkRequest({ ...request, target: "/v1/x?", method: "PUT" }, instance.publicKey));
    refusedAs("signature-missing", () => checkRequest(bare, instance.publicKey));
  });

  it("reads JSON bodies without unknown fields", () => {
    assert.deepEqual(read("prekeys answer", { oneTimePrekeys: 3, root: Buffer.alloc(32).toString("base64url") }), {
      oneTimePrekeys: 3,
      root: hex(zeros(32)),
    });
    read("error", { error: { code: "NOT_YOURS", message: "No.", hint: "Ask.", time: NOW } });
    refusedAs("malformed", () => read("error", { error: { code: "NOT_YOURS", message: "No.", hint: "Ask.", time: NOW, more: 1 } }));
    refusedAs("malformed", () => read("claim request", { a: 1 }));
    refusedAs("malformed", () => read("certificate request", { certificate: "AB" }));
  });
});
