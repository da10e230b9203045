/**
 * The process whose memory is searched: an agent makes a backup under two passwords, tries it, meets a wrong password and a damaged copy, is
 * closed and lost, and comes back from the file. Every secret goes into a journal; the application wipes what is its own. Stands still where
 * it says so, until a line comes on stdin. Told by its environment: MEMORY_FOLDER, MEMORY_DIRECTORY, MEMORY_JOURNAL.
 */
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import { writeHeapSnapshot } from "node:v8";
import { createIn, recoverIn, systemEnvironment, verifyBackupIn, type Environment, type TalosClient } from "@talos/agent";
import { nodeCrypto, SecretBytes, zeroBytes } from "@talos/core";
import { observingCrypto, SecretJournal, TEST_KDF } from "@talos/testkit";

const LETTERS = 62;
const PASSWORD_BYTES = 24;
const BODY_BYTES = 200;
/** Each is a file, and all are alike. */
const ROTATION = { oneTimePrekeyTarget: 3, refillBelow: 1 } as const;

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}

const folder = setting("MEMORY_FOLDER");
const journal = new SecretJournal(setting("MEMORY_JOURNAL"));
const lines = createInterface({ input: process.stdin });
const environment: Environment = {
  ...systemEnvironment,
  kdf: TEST_KDF,
  backupKdf: TEST_KDF,
  allowWeakPasswords: true,
  crypto: observingCrypto(journal.tell.bind(journal)),
};

/** Tells the searcher that it may look, and stands still meanwhile. */
async function standStill(where: string): Promise<void> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.stdout.write(`\nat: ${where}\n`);
  await once(lines, "line");
}

/** Letters and digits, made as bytes: no string ever holds it. */
function newPassword(kind: string): SecretBytes {
  const bytes = nodeCrypto.randomBytes(PASSWORD_BYTES);
  for (const [at, byte] of bytes.entries()) {
    const letter = byte % LETTERS;
    bytes[at] = letter < 10 ? 48 + letter : letter < 36 ? 55 + letter : 61 + letter;
  }
  journal.tell(kind, bytes);
  return SecretBytes.take(bytes);
}

async function say(from: TalosClient, to: TalosClient): Promise<void> {
  const body = nodeCrypto.randomBytes(BODY_BYTES);
  journal.tell("plaintext", body.subarray(40, 72));
  await from.send(to.did, body, { waitFor: "deposited" });
  zeroBytes(body);
  for await (const message of to.receive({ signal: AbortSignal.timeout(20_000) })) {
    zeroBytes(message.body);
    return await message.ack();
  }
  throw new Error("it did not come");
}

function print(value: unknown): void {
  process.stdout.write(`${inspect(value, { depth: 9, showHidden: true })}\n`);
}

async function refused(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    print(error);
    return print((error as Error).cause);
  }
  throw new Error("it should have been refused");
}

async function story(): Promise<void> {
  const directory = setting("MEMORY_DIRECTORY");
  const passwords = { alice: newPassword("password"), bob: newPassword("password"), later: newPassword("password") };
  const ways = [newPassword("backup password"), newPassword("backup password")] as const;
  const wrong = newPassword("wrong backup password");
  const dataDir = join(folder, "alice");
  const alice = await createIn(environment, "alice", { dataDir, directory, rotation: ROTATION, password: passwords.alice });
  const bob = await createIn(environment, "bob", { dataDir: join(folder, "bob"), directory, rotation: ROTATION, password: passwords.bob });
  await say(alice, bob);
  await say(bob, alice);
  await alice.flush();
  await bob.flush();
  await standStill("before");

  const path = [join(folder, "one.backup"), join(folder, "two.backup")];
  const backupPath = path[0] ?? "";
  print(await alice.exportKeys({ path, password: ways }));
  print(await alice.verifyBackup({ path: backupPath, password: ways[1] }));
  print(await verifyBackupIn(environment, { path: backupPath, password: ways[0] }));
  await refused(async () => await alice.exportKeys({ path: join(folder, "three.backup"), password: passwords.alice }));
  await refused(async () => await alice.verifyBackup({ path: backupPath, password: wrong }));
  const damaged = join(folder, "damaged.backup");
  const bytes = readFileSync(backupPath);
  bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
  writeFileSync(damaged, bytes);
  await refused(async () => await alice.verifyBackup({ path: damaged, password: ways[0] }));
  await standStill("backed up");

  await alice.close();
  rmSync(dataDir, { recursive: true });
  await standStill("lost");
  const back = { backupPath, dataDir: join(folder, "alice-again"), newPassword: passwords.later };
  await refused(async () => await recoverIn(environment, { ...back, password: wrong }));
  await refused(async () => await recoverIn(environment, { ...back, password: ways[0], newPassword: ways[0] }));
  const again = await recoverIn(environment, { ...back, password: ways[1] });
  await say(again, bob);
  await say(bob, again);
  await again.flush();
  await bob.flush();
  print(again.status());
  for (const secret of [...Object.values(passwords), ...ways, wrong]) secret.dispose();
  await standStill("recovered");

  await again.close();
  await bob.close();
}

/** Shows that the search finds what is there. */
const planted = nodeCrypto.randomBytes(32);
journal.tell("planted", planted);

await story();
await standStill("closed");
writeHeapSnapshot(join(folder, "closed.heapsnapshot"));
process.stdout.write(`${planted.length} planted\n`);
lines.close();
process.stdout.write("\nat: end\n");
