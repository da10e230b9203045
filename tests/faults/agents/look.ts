/**
 * What must be true of an agent whose operation was cut short, however it was: it opens, what was begun completes by itself or is made again,
 * and then agent, directory and peer agree on one event, the keys in force work, and those that ended are nowhere.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { doctorIn, HttpDirectory, openIn, TalosClient, Vault } from "@talos/agent";
import { decodeEvent, didToAgentId, keyCommitment, toHex, verifyLog, type IdentityLog } from "@talos/core";
import type { Look } from "@talos/testkit/disk-faults";
import { wrongFiles } from "../vault-subject.ts";
import { actOn, openIfThere, settled, unlessOutdated } from "./acting.ts";
import { checkBackups, checkLeavings } from "./backup-checks.ts";
import type { AgentOperation } from "./operation.ts";
import { sentCertificates, sentEvents } from "./sent.ts";
import { describeView, viewOf } from "./view.ts";
import {
  ANSWER,
  BOBS_PASSWORD,
  KIT_PASSWORD,
  MAIL,
  NEW_PASSWORD,
  opensWith,
  PASSWORD,
  patientCrypto,
  ROTATION,
  takeOne,
  until,
  type World,
} from "./world.ts";

const NOTHING = "no agent";
const KEY_ID = { from: 10, to: 18 } as const;
const NAMESPACE = "faults.test";

export async function look(world: World, operation: AgentOperation): Promise<Look> {
  const faults: string[] = [];
  let state = "does not open";
  let counter = Infinity;
  let client: TalosClient | undefined;
  try {
    if (operation.withBackups === true) faults.push(...(await checkLeavings(world)));
    if (operation.isRestored === true) faults.push(...(await checkSilence(world)));
    await world.begin();
    const hadLeft = sentEvents(world).size > world.facts.events;
    client = await unlessOutdated(world, await openIfThere(world));
    if (client === undefined) state = NOTHING;
    else {
      await settled(world, client);
      state = describeView(await viewOf(world));
    }
    if (client === undefined || !operation.isDone(await viewOf(world))) {
      if (hadLeft) faults.push("its event had left, and the next opening does not complete it");
      client = await actOn(world, operation, client, 2);
      await settled(world, client);
      if (!operation.isDone(await viewOf(world))) faults.push("made again, it is not done either");
    }
    counter = client.status().generation;
    faults.push(...(await checkIdentity(world, operation, client)));
    faults.push(...(await checkPeer(world, operation, client)));
    if (operation.withBackups === true) faults.push(...(await checkBackups(world, operation, client)));
    await client.close();
    faults.push(...(await checkFolder(world, operation)));
  } catch (error) {
    faults.push(
      error instanceof Error
        ? `${error.stack ?? error.message} ${error.cause instanceof Error ? `<- ${error.cause.message}` : ""}`
        : String(error),
    );
    await client?.close().catch(() => undefined);
  }
  return { state, counter, faults };
}

/** One log, everywhere; one event for the operation, whatever was sent again; a key that is in force, and the next one that is committed to. */
async function checkIdentity(world: World, operation: AgentOperation, client: TalosClient): Promise<string[]> {
  const faults: string[] = [];
  const { facts } = world;
  const status = client.status();
  using inspection = await Vault.inspect({ dataDir: world.agent, crypto: patientCrypto });
  const { own, next } = inspection.read((tx) => ({
    own: tx.log.events().map(({ wire }) => toHex(wire)),
    next: tx.inventory.live("identity", "next"),
  }));
  const log = await logAbroad(world);
  const abroad = log.events.map(toHex);
  if (own.length !== facts.events + operation.events) faults.push(`its log has ${own.length} events`);
  if (abroad.join() !== own.join()) faults.push(`the directory has another log, of ${abroad.length} events`);
  faults.push(...twoUnderOneNumber(world));
  for (const wire of sentEvents(world)) if (!own.includes(wire)) faults.push(`another event was sent: ${eventName(wire)}`);
  if (status.identityMoved !== undefined) faults.push("it takes its own event for somebody else's");
  const findings = status.findings.filter(({ code }) => code !== "METADATA_REWRITTEN");
  for (const { code, message } of findings) faults.push(`${code}: ${message}`);
  if (log.revoked !== undefined) return faults;

  if (next === undefined || toHex(keyCommitment({ algorithm: 1, bytes: next.publicKey }, patientCrypto)) !== toHex(log.next.online))
    faults.push("the next key is not the one that the log commits to");
  if (client.identityKey !== toHex(log.identityKey.bytes)) faults.push("the identity key is not the one of the log");
  const { wire: signature } = await client.sign(NAMESPACE, "still here");
  const { verdict } = await TalosClient.verify({
    signature,
    namespace: NAMESPACE,
    message: "still here",
    signer: facts.did,
    directory: facts.url,
  });
  if (verdict !== "valid") faults.push(`what it signs is ${verdict}`);
  return faults;
}

/** Who knew the agent before, and meets it again, ends with the same head; mail of both arrives, each once. */
async function checkPeer(world: World, { keepsMail, isRestored }: AgentOperation, alice: TalosClient): Promise<string[]> {
  const { facts } = world;
  const faults: string[] = [];
  const log = await logAbroad(world);
  const bob = await openIn(world.environment(), { dataDir: world.bob, password: BOBS_PASSWORD, rotation: ROTATION });
  const arrived: string[] = [];
  const isOver = new AbortController();
  const receiving = (async () => {
    for await (const message of bob.receive({ signal: isOver.signal })) {
      arrived.push(message.text());
      await message.ack();
    }
  })();
  try {
    if (log.revoked !== undefined) {
      await until(
        () => bob.peers.show(facts.did).revoked,
        () => "the peer does not hear of the revocation",
      );
      return faults;
    }
    const sent = bob.send(facts.did, "after it", { waitFor: "deposited", timeoutSeconds: 10 });
    // What goes wrong before it is waited for is said in its place.
    sent.catch(() => undefined);
    let text = await takeOne(alice);
    // What the one before it had taken may be news to this one.
    if (isRestored === true && text === ANSWER) text = await takeOne(alice);
    if (text !== "after it") faults.push(`other mail came: ${text}`);
    await sent;
    if (keepsMail)
      await until(
        () => arrived.includes(MAIL),
        () => "mail from before does not arrive",
      );
    // If nothing else tells it, the next frame does.
    await until(
      () => bob.peers.show(facts.did).head.hash === toHex(log.head.hash),
      () => `the peer has head ${bob.peers.show(facts.did).head.seq}, not ${log.head.seq}`,
    );
    if (bob.peers.show(facts.did).identityKey !== alice.identityKey) faults.push("the peer has another identity key");
    if (arrived.filter((one) => one === MAIL).length > 1) faults.push("mail from before came twice");
    if (bob.status().evidence.length > 0) faults.push(`the peer has evidence: ${JSON.stringify(bob.status().evidence)}`);
  } finally {
    isOver.abort();
    await receiving;
    await bob.close();
  }
  return faults;
}

/** Every key file is one that the inventory calls for, and opens; none of a key that ended is left; one password opens. */
async function checkFolder(world: World, { ends, newPassword, name }: AgentOperation): Promise<string[]> {
  const faults: string[] = [];
  const { keys } = world.facts;
  using inspection = await Vault.inspect({ dataDir: world.agent, crypto: patientCrypto });
  const { open, ended } = inspection.read((tx) => {
    faults.push(...wrongFiles(world.agent, tx, []));
    return { open: tx.plans.open(), ended: new Set<string>(tx.inventory.list({ state: "ended" }).map(({ keyId }) => keyId)) };
  });
  for (const { kind, step } of open) faults.push(`the plan ${kind} is left at ${step}`);
  const before = ends.flatMap((group) => keys[group]);
  for (const keyId of before) if (!ended.has(keyId)) faults.push(`key ${keyId} of before has not ended`);
  const found = keyIdsOnDisk(world.agent);
  for (const keyId of [...ended, ...before]) if (found.has(keyId)) faults.push(`ended key ${keyId} lies in a file`);

  const opening = [PASSWORD, NEW_PASSWORD].filter((_, index) => index === 0 || newPassword !== undefined);
  const opens = await Promise.all(opening.map(async (password) => await opensWith(world.agent, password)));
  const expected = newPassword === undefined ? [true] : [false, true];
  if (opens.join() !== expected.join()) faults.push(`passwords open: ${opens.join()}`);
  const password = newPassword ?? PASSWORD;
  const { findings } = await doctorIn(world.environment(), { dataDir: world.agent, password });
  for (const { code, severity, message } of findings) if (severity === "error") faults.push(`doctor: ${code} ${message}`);
  if (name === "kit-create") faults.push(...(await checkKit(world)));
  return faults;
}

/** The kit in force is one of those that lie there. */
async function checkKit(world: World): Promise<string[]> {
  const client = await openIfThere(world);
  const kits = readdirSync(world.folder).filter((file) => file.startsWith("kit"));
  try {
    for (const kit of kits) {
      const proven = await client?.recoveryKit.check({ path: join(world.folder, kit), password: KIT_PASSWORD }).catch(() => undefined);
      if (proven !== undefined) return [];
    }
    return [`no kit is in force; there are ${kits.join()}`];
  } finally {
    await client?.close();
  }
}

/** By the header of whatever looks like a key file, under any name. */
function keyIdsOnDisk(dataDir: string): Set<string> {
  const names = readdirSync(dataDir, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(dataDir, name)).isFile());
  return new Set(
    names.filter((name) => name.includes(".enc")).map((name) => toHex(readFileSync(join(dataDir, name)).subarray(KEY_ID.from, KEY_ID.to))),
  );
}

async function logAbroad({ facts }: World): Promise<IdentityLog> {
  const instance = (): never => {
    throw new Error("nothing is signed here");
  };
  const directory = new HttpDirectory({ url: facts.url, crypto: patientCrypto, clock: { now: () => Date.now() }, instance });
  try {
    const id = didToAgentId(facts.did);
    const { log } = await directory.resolve(id);
    return verifyLog(undefined, log, Date.now(), patientCrypto, id).log;
  } finally {
    directory.close();
  }
}

/** Whoever is held has shown itself to nobody. */
async function checkSilence(world: World): Promise<string[]> {
  if (!Vault.exists(world.agent) || !(await viewOf(world)).held) return [];
  const shown = sentCertificates(world).length - world.facts.certificates;
  return shown > 0 ? [`it is held, and ${shown} of its certificates have left`] : [];
}

/**
 * Of certificates that were ever brought to the directory: an event and a generation name one instance, whatever became of it. Copies that
 * were there before may have had one number.
 */
function twoUnderOneNumber(world: World): string[] {
  const certificates = sentCertificates(world);
  const nameOf = ({ head, generation }: (typeof certificates)[number]): string => `${toHex(head.hash)} ${generation}`;
  const added = new Set(certificates.slice(world.facts.certificates).map(nameOf));
  const byNumber = Map.groupBy(certificates, nameOf);
  return [...byNumber].flatMap(([name, some]) => {
    const instances = new Set(some.map(({ instanceKey }) => toHex(instanceKey.bytes)));
    return added.has(name) && instances.size > 1 ? [`${instances.size} instances have the generation ${some[0]?.generation}`] : [];
  });
}

function eventName(wire: string): string {
  const { event } = decodeEvent(
    Uint8Array.from(wire.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)),
    patientCrypto,
  );
  return `${event.kind} ${"seq" in event ? event.seq : 0}`;
}
