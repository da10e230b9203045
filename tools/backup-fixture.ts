// Writes fixtures/backup/vN once, where N is the version this release writes: a backup of an agent that has rotated, with two passwords, two
// peers, evidence against one of them and against an agent that is no peer any more, a parting of histories that is decided and one that is
// not, and what is in it. A fixture that exists is never written again: it stands for the backups that
// are out there.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Vault } from "@talos/agent";
import { equalBytes, nodeCrypto, revealSecret, SecretBytes, toHex, verifyLog } from "@talos/core";
import { AgentWorld, take, TEST_KDF, TEST_PASSWORD } from "@talos/testkit";
import { openBackup } from "../packages/agent/src/backup/seal-backup.ts";
import { UserIdentity } from "../packages/testkit/src/directory/user-identity.ts";

const FOLDER = fileURLToPath(new URL("../fixtures/backup/v1/", import.meta.url));
const PASSWORDS = ["willow tinder seventh ferry, for tests", "granite compass idle heron, for tests"];

if (existsSync(FOLDER)) throw new Error(`${FOLDER} is frozen`);
await using world = await AgentWorld.start({ environment: { backupKdf: TEST_KDF } });
const alice = await world.create("alice");
const bob = await world.create("bob");
const carol = await world.create("carol");

// Each has rotated once; bob was compared, and is known by a name.
await alice.rotateIdentity();
await carol.rotateIdentity();
await alice.peers.add(bob.did, { name: "bob" });
await alice.peers.add(carol.did);
alice.peers.verify("bob", alice.peers.fingerprint("bob"));
await alice.send(bob.did, "hello bob", { waitFor: "deposited" });
await take(bob, 1);
await bob.send(alice.did, "hello alice", { waitFor: "deposited" });
await take(alice, 1);
const { did } = alice;
await alice.close();

// Evidence: a history of carol's that contends with hers, and an event that a recovery has cut off.
const dave = UserIdentity.begin(Date.now(), true);
const cutOff = dave.rotate({ time: Date.now() });
{
  using password = SecretBytes.fromUtf8(TEST_PASSWORD);
  const unlock = { kind: "password", secret: password } as const;
  using vault = await Vault.open({ dataDir: world.dataDir("alice"), unlock, crypto: nodeCrypto, now: Date.now(), kdf: TEST_KDF });
  vault.transaction((tx) => {
    const peer = tx.peers.list().find((known) => known.did === carol.did);
    if (peer === undefined) throw new Error("carol is not known");
    const { log } = verifyLog(undefined, tx.peers.events(peer.agentId), Date.now(), nodeCrypto);
    const { agentId } = log;
    const seenAt = Date.now();
    const [, standing] = log.events;
    if (standing === undefined) throw new Error("carol has not rotated");
    tx.peers.put({ ...peer, forkedAt: seenAt });
    // What stood there has fallen away.
    tx.peerForks.raise({ agentId, seq: 1, standing: dave.log.head.hash, isOfRecovery: false, seenAt, decidedAt: seenAt });
    tx.peerForks.raise({ agentId, seq: 1, standing: log.head.hash, isOfRecovery: false, seenAt });
    tx.peers.addConflict({ agentId, kind: "log-fork", first: standing, second: cutOff, seenAt });
    tx.peers.addConflict({ agentId: dave.log.agentId, kind: "cut-off-branch", first: cutOff, second: cutOff, seenAt });
    tx.cutOff.add({ agentId: dave.log.agentId, seq: 1, hash: dave.log.head.hash, wire: cutOff, seenAt });
  });
}

const again = await world.open("alice");
const path = join(world.folder, "alice.backup");
const report = await again.exportKeys({ path, password: PASSWORDS });
const file = readFileSync(path);
using password = SecretBytes.fromUtf8(PASSWORDS[0] ?? "");
using opened = openBackup(file, password, nodeCrypto);
const { content } = opened;
const expected = {
  passwords: PASSWORDS,
  did,
  agentName: content.agentName,
  id: report.id,
  createdAt: content.createdAt,
  head: report.head,
  generation: content.generation,
  keys: content.keys.map(({ kind, keyId, algorithm, publicKey, secret }) => ({
    kind,
    keyId,
    algorithm,
    publicKey: toHex(publicKey),
    secret: secret === undefined ? undefined : toHex(revealSecret(secret)),
  })),
  certificate: toHex(nodeCrypto.sha256(content.certificate)),
  peers: content.peers.map(({ peer, events, forks, conflicts }) => ({
    did: peer.did,
    petname: peer.petname,
    trust: peer.trust,
    directory: peer.directory,
    seq: peer.head.seq,
    certified: peer.certificate !== undefined,
    corresponded: peer.correspondedAt !== undefined,
    events: events.length,
    forks: forks.map(({ seq, decidedAt }) => ({ seq, isDecided: decidedAt !== undefined })),
    evidence: conflicts.map(({ kind }) => kind),
  })),
  cutOff: content.cutOff.map(({ seq, hash }) => ({ seq, hash: toHex(hash) })),
  evidence: content.evidence.map(({ agentId, kind }) => ({ agent: toHex(agentId), kind })),
  leftOut: content.leftOut.peers,
  settings: Object.fromEntries(content.settings),
  audit: { size: content.auditHead.size, root: toHex(content.auditHead.root), first: "vault-created" },
};
if (!equalBytes(content.cutOff[0]?.wire ?? new Uint8Array(0), cutOff)) throw new Error("the event that was cut off is not in the backup");
mkdirSync(FOLDER, { recursive: true });
writeFileSync(join(FOLDER, "alice.backup"), file);
writeFileSync(join(FOLDER, "expected.json"), `${JSON.stringify(expected, undefined, 2)}\n`);
