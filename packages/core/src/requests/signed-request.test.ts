import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { verifySignature } from "http-message-sig";
import { bytesOf, castMember, signingKeyOf, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { utf8 } from "../bytes/utf8.ts";
import { agentIdToDid } from "../keys/agent-id.ts";
import type { PublicKey } from "../keys/public-key.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import {
  contentDigest,
  parseSignedRequest,
  signRequest,
  verifyRequest,
  verifyRequestDigest,
  type RequestTarget,
  type SignatureParameters,
} from "./signed-request.ts";

const alice = castMember("alice");
const instance = signingKeyOf("alice instance");
const key: PublicKey<1> = { algorithm: 1, bytes: instance.publicKey };
const parameters: SignatureParameters = {
  agentId: alice.log.agentId,
  seq: 0,
  generation: 3,
  createdSeconds: STORY_START / 1000,
  nonce: bytesOf("nonce", 16),
};
const request: RequestTarget = {
  method: "POST",
  authority: "127.0.0.1:8420",
  target: `/v1/agents/${agentIdToDid(alice.log.agentId)}/claims?x=1`,
};
const BODY = utf8("{}");

test("what is signed is read and verified again, whatever the numbers", () => {
  fc.assert(
    fc.property(
      fc.nat(9999),
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      fc.nat(2 ** 33),
      fc.uint8Array({ maxLength: 99 }),
      (seq, generation, createdSeconds, body) => {
        const given = { ...parameters, seq, generation, createdSeconds };
        const signed = parseSignedRequest({ ...signRequest(request, body, given, instance, nodeCrypto) });
        const { digest: _digest, signature: _signature, ...read } = signed;
        assert.deepEqual(read, given);
        verifyRequest(signed, request, key, createdSeconds * 1000 + 300_000, nodeCrypto);
        verifyRequestDigest(signed, body, nodeCrypto);
      },
    ),
    { numRuns: 40 },
  );
});

test("an implementation of RFC 9421 that is not ours accepts our signature, and refuses it for another path", async () => {
  for (const target of [request.target, "/v1/status", "/v1/mailboxes/x?wait=30&limit=64"]) {
    const headers = signRequest({ ...request, target }, BODY, parameters, instance, nodeCrypto);
    const check = (url: string): Promise<unknown> =>
      verifySignature(new Request(url, { method: request.method, headers: { ...headers } }), {
        label: "talos",
        policy: {
          algorithms: ["ed25519"],
          requiredComponents: ["@method", "@authority", "@path", "@query", "content-digest"],
          requiredParameters: ["created", "nonce", "keyid", "alg", "tag"],
          now: parameters.createdSeconds,
        },
        resolveVerifier: ({ parameters: given }) => {
          assert.equal(given.keyid, `${agentIdToDid(alice.log.agentId)}#0.3`);
          return { algorithm: "ed25519", verify: (data, signature) => nodeCrypto.verifySignature(1, key.bytes, data, signature) };
        },
      });
    await check(`http://${request.authority}${target}`);
    await assert.rejects(check(`http://${request.authority}/other`));
  }
});

test("a request stands for 300 seconds on either side of the server's clock", () => {
  const signed = parseSignedRequest({ ...signRequest(request, BODY, parameters, instance, nodeCrypto) });
  for (const offset of [-300_000, 0, 300_000]) verifyRequest(signed, request, key, STORY_START + offset, nodeCrypto);
  for (const offset of [-300_001, 300_001, Number.NaN]) {
    assertRefused(() => verifyRequest(signed, request, key, STORY_START + offset, nodeCrypto), String(offset), "REQUEST_EXPIRED");
  }
});

test("no changed character of the headers passes", () => {
  const headers = signRequest(request, BODY, parameters, instance, nodeCrypto);
  const read = (changed: object): void => {
    const signed = parseSignedRequest({ ...headers, ...changed });
    verifyRequest(signed, request, key, STORY_START, nodeCrypto);
    verifyRequestDigest(signed, BODY, nodeCrypto);
  };
  read({});
  for (const name of ["content-digest", "signature-input", "signature"] as const) {
    const value = headers[name];
    for (let index = 0; index < value.length; index++) {
      for (const character of [String.fromCharCode(value.charCodeAt(index) ^ 1), ""]) {
        assertRefused(() => read({ [name]: value.slice(0, index) + character + value.slice(index + 1) }), `${name} at ${index}`);
      }
    }
    assertRefused(() => read({ [name]: [value] }), `${name} as a list`, "MALFORMED");
    assertRefused(() => read({ [name]: undefined }), `${name} missing`, "SIGNATURE_MISSING");
    assertRefused(() => read({ [name]: ` ${value}` }), `${name} with a space`, "MALFORMED");
  }
});

test("numbers that no certificate has are refused before any key is looked up", () => {
  const headers = signRequest(request, BODY, parameters, instance, nodeCrypto);
  for (const numbers of ["#10000.3", "#0.0", "#00.3", "#0.9007199254740992", "#0", "#-1.3"]) {
    const changed = { ...headers, "signature-input": headers["signature-input"].replace("#0.3", numbers) };
    assertRefused(() => parseSignedRequest(changed), numbers, "MALFORMED");
  }
});

test("another method, directory, path, query or body is not what was signed", () => {
  const signed = parseSignedRequest({ ...signRequest(request, BODY, parameters, instance, nodeCrypto) });
  const verify = (changes: Partial<RequestTarget>): void => verifyRequest(signed, { ...request, ...changes }, key, STORY_START, nodeCrypto);
  verify({});
  for (const changes of [
    { method: "PUT" },
    { authority: "127.0.0.1" },
    { target: "/" },
    { target: request.target.replace("?x=1", "") },
    { target: `${request.target}&y` },
  ]) {
    assertRefused(() => verify(changes), JSON.stringify(changes), "SIGNATURE_INVALID");
  }
  verify({ authority: request.authority.toUpperCase() });
  assertRefused(() => verifyRequestDigest(signed, utf8("{ }"), nodeCrypto), "another body", "DIGEST_MISMATCH");
  assertRefused(
    () => signRequest(request, BODY, { ...parameters, nonce: new Uint8Array(15) }, instance, nodeCrypto),
    "short nonce",
    "INVALID_ARGUMENT",
  );
});

test("the digest of RFC 9530 is that of the body, of an absent one that of no bytes", () => {
  assert.equal(contentDigest(utf8('{"hello": "world"}\n'), nodeCrypto), "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
  assert.equal(contentDigest(new Uint8Array(0), nodeCrypto), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
});

test("base64 has one form for every value", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = toBase64(bytes);
      assert.equal(text, Buffer.from(bytes).toString("base64"));
      assert.deepEqual(fromBase64(text), bytes);
    }),
  );
  for (const text of ["A", "AA", "AA=", "AB==", "AA===", "AA==AA==", "____", "-A==", "AA==\n", "="])
    assertRefused(() => fromBase64(text), text, "MALFORMED");
});
