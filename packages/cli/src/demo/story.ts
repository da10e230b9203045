/**
 * The demo's story: a directory, Alice and Bob, each a process of its own; a file sent while Bob is offline, read when
 * he is back, and answered. It only calls the command `talos` and looks at what that leaves behind.
 */
import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { AgentStatus } from "@talos/agent";
import { nodeCrypto, talosError, toBase64Url, toHex, utf8 } from "@talos/core";
import { runTalos, startDirectoryProcess } from "./talos-process.ts";

const MADE_FILE_BYTES = 100_000;
const PASSWORD_BYTES = 24;
const ANSWER = "Thank you, Alice. It arrived whole.";

export interface StoryTeller {
  /** A step that begins. */
  step(sentence: string): void;
  /** A fact seen on the way. */
  fact(sentence: string): void;
}

export interface StoryEnd {
  readonly directory: string;
  readonly sentSha256: string;
  readonly receivedSha256: string;
  readonly answer: string;
  readonly alice: AgentStatus;
  readonly bob: AgentStatus;
}

interface Actor {
  readonly dataDir: string;
  readonly passwordFile: string;
  readonly did: string;
}

/** Plays the story in `folder` with `file`, or with a made one. Errors: what the commands say; `INTERNAL` where the file differs. */
export async function playStory(folder: string, file: string | undefined, teller: StoryTeller, signal: AbortSignal): Promise<StoryEnd> {
  teller.step("A directory starts. It will store logs, prekeys and sealed mail; it is trusted with nothing else.");
  const directory = await startDirectoryProcess(join(folder, "directory.db"));
  try {
    teller.fact(`It listens on ${directory.url}.`);
    return await playWith(directory.url, folder, file, teller, signal);
  } finally {
    await directory.stop();
  }
}

async function playWith(
  url: string,
  folder: string,
  file: string | undefined,
  teller: StoryTeller,
  signal: AbortSignal,
): Promise<StoryEnd> {
  const run = (actor: Actor, ...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> =>
    runTalos([...args, "--data-dir", actor.dataDir, "--password-file", actor.passwordFile], signal);
  const stockOfBob = async (): Promise<string> => `${await claimable(join(folder, "directory.db"), bob.did, signal)} of 100`;

  teller.step("Alice and Bob are made: each gets its keys in an encrypted data directory, and publishes what others may know.");
  const alice = await makeActor("alice", url, folder, signal);
  const bob = await makeActor("bob", url, folder, signal);
  teller.fact(`Alice is ${alice.did}.`);
  teller.fact(`Bob is ${bob.did}.`);
  teller.fact(`The directory holds ${await stockOfBob()} one-time prekeys of Bob.`);

  const path = file ?? (await makeFile(join(folder, "a-file-for-bob")));
  const sentSha256 = await sha256Of(path);
  teller.step(`Bob is offline: no process of his runs. Alice sends him the file ${basename(path)} all the same.`);
  await run(alice, "send", bob.did, "--file", path, "--wait-for", "deposited", "--timeout", "30");
  teller.fact(`SHA-256 of what she sent: ${sentSha256}`);
  teller.fact(`She took one of Bob's one-time prekeys to start the session; the directory now holds ${await stockOfBob()}.`);

  teller.step("Bob comes back, collects his mail, opens it and acknowledges it.");
  const [message] = (await run(bob, "receive", "--output-dir", join(folder, "bob-received")))["messages"] as ReceivedView[];
  if (message === undefined) throw talosError("INTERNAL", "Bob received nothing.");
  const receivedSha256 = await sha256Of(message.file);
  teller.fact(`SHA-256 of what he read: ${receivedSha256}`);
  if (receivedSha256 !== sentSha256) throw talosError("INTERNAL", "What arrived differs from what was sent.");
  teller.fact("Both are the same: the file is identical.");

  teller.step("Bob answers. His answer also tells Alice that her file was read.");
  await run(bob, "send", alice.did, ANSWER, "--wait-for", "deposited", "--timeout", "30");
  const [answer] = (await run(alice, "receive"))["messages"] as ReceivedView[];
  if (answer?.body !== toBase64Url(utf8(ANSWER))) throw talosError("INTERNAL", "Alice did not get Bob's answer.");
  teller.fact(`Alice reads: "${ANSWER}"`);

  const statusOf = async (actor: Actor): Promise<AgentStatus> => (await run(actor, "status")) as unknown as AgentStatus;
  const end = { alice: await statusOf(alice), bob: await statusOf(bob) };
  teller.fact(
    `Alice's outbox says: ${end.alice.outbox.delivered} delivered. Bob's vault holds ${end.bob.oneTimePrekeys.live} of 100 one-time prekeys.`,
  );
  return { directory: url, sentSha256, receivedSha256, answer: ANSWER, ...end };
}

interface ReceivedView {
  readonly file: string;
  readonly body?: string;
}

async function makeActor(name: string, url: string, folder: string, signal: AbortSignal): Promise<Actor> {
  const dataDir = join(folder, name);
  const passwordFile = join(folder, `${name}-password`);
  await writeFile(passwordFile, toBase64Url(nodeCrypto.randomBytes(PASSWORD_BYTES)), { mode: 0o600, flag: "wx" });
  const made = await runTalos(
    ["init", name, "--data-dir", dataDir, "--password-file", passwordFile, "--directory", url, "--no-recovery-kit"],
    signal,
  );
  return { dataDir, passwordFile, did: String(made["agentId"]) };
}

async function makeFile(path: string): Promise<string> {
  await writeFile(path, nodeCrypto.randomBytes(MADE_FILE_BYTES), { mode: 0o600, flag: "wx" });
  return path;
}

async function sha256Of(path: string): Promise<string> {
  try {
    return toHex(nodeCrypto.sha256(await readFile(path)));
  } catch (cause) {
    throw talosError("FILE_NOT_FOUND", "The file to send cannot be read.", { cause });
  }
}

/** How many one-time prekeys the directory can still hand out for the agent. */
async function claimable(store: string, did: string, signal: AbortSignal): Promise<number> {
  const { agents } = (await runTalos(["directory", "stock", "--store", `sqlite:${store}`], signal)) as {
    agents: Array<{ did: string; oneTimePrekeys: number }>;
  };
  return agents.find((agent) => agent.did === did)?.oneTimePrekeys ?? 0;
}
