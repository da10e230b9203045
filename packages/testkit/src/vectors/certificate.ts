// Vectors of instance certificates.
import {
  encodeSigned,
  fromHex,
  LABELS,
  nodeCrypto,
  prepareCertificate,
  signedBytes,
  toHex,
  verifyCertificate,
  verifyLog,
  type Certificate,
} from "@talos/core";
import { inceptionOf, recovered, revoked, rotated, type Branch } from "./branch.ts";
import { brokenStructures, extension, withFields, withFlippedBit } from "./breakage.ts";
import { castMember, certificateInput, certificateOf, DAY, HOUR, signAll, STORY_START, type CastMember, type Signer } from "./cast.ts";
import { es256SignerOf } from "./es256.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

const alice = castMember("alice");
const bob = castMember("bob");

export const certificateVectors: VectorSet = {
  structure: "instance-certificate",
  specification: "instance.md",
  cases: certificateCases,
  read: readCertificate,
};

export function logContext(member: CastMember): { readonly log: readonly string[] } {
  return { log: member.log.events.map(toHex) };
}

/** The log in a context, verified. */
export function logOf(context: Json): CastMember["log"] {
  const events = (field(context, "log") as readonly string[]).map(fromHex);
  return verifyLog(undefined, events, STORY_START, nodeCrypto).log;
}

function readCertificate(wire: Json, context: Json): Reading {
  const now = field(context, "now");
  const certificate = verifyCertificate(logOf(context), fromHex(wire as string), nodeCrypto, now === null ? undefined : (now as number));
  return certificateReading(certificate);
}

function certificateReading({ wire: _wire, hash, ...fields }: Certificate): Reading {
  return { fields: toJson(fields), derived: { certificateHash: toHex(hash) } };
}

/** Of alice's first day, and of the thief's: under logs that have grown since. */
function underLaterLogs(): VectorCase[] {
  const start = inceptionOf("alice");
  const one = rotated(start, "alice first");
  const end = revoked(one, "online");
  const at = ({ head, identity }: Branch): Uint8Array => {
    const prepared = prepareCertificate(certificateInput(alice, { head }));
    return encodeSigned(prepared.body, signAll(prepared, { 1: identity }));
  };
  const under = (name: string, description: string, { wires }: Branch, wire: Uint8Array): Omit<VectorCase, "fields"> => ({
    name,
    description,
    context: { log: wires.map(toHex) },
    wire: toHex(wire),
  });
  const valid = (...parts: Parameters<typeof under>): VectorCase => {
    const given = under(...parts);
    return { ...given, ...readCertificate(given.wire, given.context as Json) };
  };
  return [
    valid("old-head", "Made before a rotation: form and signature stay right.", one, at(start)),
    valid("new-head", "Made after a rotation.", one, at(one)),
    {
      ...under("new-head-old-key", "After a rotation, by the key before it.", one, at({ ...one, identity: start.identity })),
      error: "SIGNATURE_INVALID",
    },
    { ...under("cut-off-head", "Its log head was cut off.", recovered(start, "alice saved"), at(one)), error: "HEAD_UNKNOWN" },
    { ...under("revocation-head", "It names a revocation as its log head.", end, at(end)), error: "AGENT_REVOKED" },
  ];
}

function certificateCases(): VectorCase[] {
  const context = logContext(alice);
  const { body } = prepareCertificate(certificateInput(alice));
  const signature = (changed: Uint8Array, signer: Signer = alice.identity, role: 1 | 2 = 1): Uint8Array =>
    encodeSigned(changed, [
      { role, algorithm: signer.key.algorithm, signature: signer.sign(signedBytes(LABELS.signInstanceCertificate, role, changed)) },
    ]);
  const valid = (name: string, description: string, wire: Uint8Array, extra: object = {}): VectorCase => {
    const full = { ...context, ...extra };
    return { name, description, context: full, wire: toHex(wire), ...readCertificate(toHex(wire), full) };
  };
  const refused = (name: string, description: string, wire: Uint8Array, error: string, extra: object = {}): VectorCase => ({
    name,
    description,
    context: { ...context, ...extra },
    wire: toHex(wire),
    error,
  });
  const changed = (name: string, description: string, changes: Parameters<typeof withFields>[1], error = "MALFORMED"): VectorCase =>
    refused(name, description, signature(withFields(body, changes)), error);

  const carol = castMember("carol", es256SignerOf("carol identity"));
  const carolsInput = prepareCertificate(certificateInput(carol));
  const carols = encodeSigned(carolsInput.body, signAll(carolsInput, { 1: carol.identity }));
  const plain = certificateOf(alice).wire;
  const directories = ["http://127.0.0.1:8420", "https://directory.example", "https://[2001:db8::1]:8443", "http://a"];
  const slack = 600_000;
  return [
    valid("plain", "For one day, of an empty audit tree.", plain),
    valid("four-directories", "With the most home directories there can be.", certificateOf(alice, { directories }).wire),
    valid("no-directory", "Without a home directory.", certificateOf(alice, { directories: [] }).wire),
    valid(
      "generation-largest",
      "With the largest generation, and an audit head.",
      certificateOf(alice, { generation: Number.MAX_SAFE_INTEGER, auditHead: { size: 12, root: alice.log.head.hash } }).wire,
    ),
    valid("es256", "Signed by an ES256 identity key; the instance key is Ed25519 as always.", carols, logContext(carol)),
    valid(
      "extensions",
      "With an extension that is unknown and not critical: kept.",
      signature(withFields(body, { 99: [extension(4, false)] })),
    ),
    valid("at-start-minus-slack", "10 minutes before its start.", plain, { now: STORY_START - slack }),
    valid("at-end-plus-slack", "10 minutes after its end.", plain, { now: STORY_START + DAY + slack }),
    refused("too-early", "More than 10 minutes before its start.", plain, "CERTIFICATE_EXPIRED", { now: STORY_START - slack - 1 }),
    refused("expired", "More than 10 minutes after its end.", plain, "CERTIFICATE_EXPIRED", { now: STORY_START + DAY + slack + 1 }),
    ...brokenStructures(body).map((broken) => refused(broken.name, broken.description, signature(broken.body), broken.error)),
    changed("generation-0", "Generation 0.", { 4: 0 }),
    changed("generation-2-53", "A generation above 2^53 - 1.", { 4: 2n ** 53n }),
    changed("agent-id-short", "An agent id of 31 bytes.", { 2: alice.log.agentId.slice(1) }),
    changed("instance-key-es256", "An instance key of another algorithm.", { 5: [4, es256SignerOf("carol identity").key.bytes] }),
    changed("instance-key-small-order", "An instance key of small order.", { 5: [1, fromHex(`01${"00".repeat(31)}`)] }, "WEAK_PUBLIC_KEY"),
    changed("five-directories", "More than 4 home directories.", { 6: [...directories, "http://b"] }),
    changed("directory-with-path", "A home directory with a path.", { 6: ["http://directory.example/"] }),
    changed("directory-with-user", "A home directory with a user.", { 6: ["http://user@directory.example"] }),
    changed("directory-ftp", "Another scheme.", { 6: ["ftp://directory.example"] }),
    changed("directory-long", "A home directory of more than 255 bytes.", { 6: [`http://${"a".repeat(249)}`] }),
    changed("directory-bytes", "A home directory as a byte string.", { 6: [new Uint8Array(9)] }),
    changed("audit-head-short", "An audit root of 31 bytes.", { 7: [0, new Uint8Array(31)] }),
    changed("ends-at-start", "It ends when it begins.", { 9: STORY_START }),
    changed("longer-than-a-day", "Valid for longer than 24 hours.", { 9: STORY_START + DAY + 1 }),
    changed("other-agent", "Another agent's id.", { 2: bob.log.agentId }, "CERTIFICATE_INVALID"),
    changed("head-unknown", "A log head that is not in the log.", { 3: [0, bob.log.head.hash] }, "HEAD_UNKNOWN"),
    changed("head-beyond-log", "A log head that the log does not reach.", { 3: [1, alice.log.head.hash] }, "HEAD_UNKNOWN"),
    refused("signed-by-instance-key", "Signed by the instance key itself.", signature(body, alice.instance), "SIGNATURE_INVALID"),
    refused("signed-in-other-role", "Signed in another role.", signature(body, alice.identity, 2), "SIGNATURE_INVALID"),
    refused("signature-changed", "One bit of the signature is changed.", withFlippedBit(plain, -1), "SIGNATURE_INVALID"),
    refused(
      "body-changed",
      "The end is changed after signing.",
      bodyReplaced(plain, body, withFields(body, { 9: STORY_START + HOUR })),
      "SIGNATURE_INVALID",
    ),
    refused("too-large", "More than 4,096 bytes.", signature(withFields(body, { 99: [[1, false, new Uint8Array(4000)]] })), "MALFORMED"),
    ...underLaterLogs(),
  ];
}

/** The wire with another body of the same length and the old signature. */
function bodyReplaced(wire: Uint8Array, body: Uint8Array, other: Uint8Array): Uint8Array {
  return fromHex(toHex(wire).replace(toHex(body), toHex(other)));
}
