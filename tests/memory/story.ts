/**
 * The process whose memory is searched: two agents are made, write to each other, are closed and opened again, change a
 * password, meet a forged message, a wrong password and other errors, and close. Every secret goes into a journal; the
 * application wipes what is its own. Stands still twice, until a line comes on stdin. Told by its environment: MEMORY_FOLDER,
 * MEMORY_DIRECTORY, MEMORY_JOURNAL.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import { writeHeapSnapshot } from "node:v8";
import { createIn, openIn, systemEnvironment, type Environment, type TalosClient } from "@talos/agent";
import { envelopeId, nodeCrypto, revealSecret, SecretBytes, zeroBytes, type MailboxPage } from "@talos/core";
import { intercepting, observingCrypto, SecretJournal, TEST_KDF, type DirectoryHooks } from "@talos/testkit";

const LETTERS = 62;
const KEY_FILE_BYTES = 64;
const PASSWORD_BYTES = 24;
const BODY_BYTES = 200;
/** Beyond what is opened in pieces (core, `aead.ts`). */
const LONG_BODY_BYTES = 40_000;

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}

const journal = new SecretJournal(setting("MEMORY_JOURNAL"));
const lines = createInterface({ input: process.stdin });

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
function newPassword(kind: string = "password"): SecretBytes {
  const bytes = nodeCrypto.randomBytes(PASSWORD_BYTES);
  for (const [at, byte] of bytes.entries()) {
    const letter = byte % LETTERS;
    bytes[at] = letter < 10 ? 48 + letter : letter < 36 ? 55 + letter : 61 + letter;
  }
  journal.tell(kind, bytes);
  return SecretBytes.take(bytes);
}

async function send(from: TalosClient, to: TalosClient, sign: "instance" | "identity" | "none" = "instance"): Promise<void> {
  await sendBody(from, to, nodeCrypto.randomBytes(BODY_BYTES), "plaintext", sign);
}

async function sendBody(
  from: TalosClient,
  to: TalosClient,
  body: Uint8Array,
  kind: string,
  sign: "instance" | "identity" | "none",
): Promise<void> {
  journal.tell(kind, body.subarray(-160, -128));
  await from.send(to.did, body, { sign, waitFor: "deposited" });
  zeroBytes(body);
}

async function receive(client: TalosClient, count: number): Promise<void> {
  let left = count;
  for await (const message of client.receive({ signal: AbortSignal.timeout(20_000) })) {
    zeroBytes(message.body);
    await message.ack();
    left -= 1;
    if (left === 0) return;
  }
  throw new Error(`${left} messages did not come`);
}

/** Everything that can be printed of an error. */
function print(error: unknown): void {
  const { stack, cause, message, details } = error as Error & { details?: unknown };
  const parts = [inspect(error, { depth: 9, showHidden: true }), String(error), JSON.stringify(error), stack, message];
  process.stdout.write(`${[...parts, inspect(cause, { depth: 9 }), JSON.stringify(details)].join("\n")}\n`);
}

async function refused(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    return print(error);
  }
  throw new Error("it should have been refused");
}

/** Each item comes once forged before it comes as it is. */
const forging: DirectoryHooks = {
  fetch: (page: MailboxPage): MailboxPage => ({
    ...page,
    items: page.items.flatMap((honest) => {
      const item = honest.item.slice();
      item[item.length - 1] = (item.at(-1) ?? 0) ^ 1;
      return [{ ...honest, item, envelopeId: envelopeId(item, nodeCrypto) }, honest];
    }),
  }),
};

const measured: Environment = { ...systemEnvironment, kdf: TEST_KDF, crypto: observingCrypto(journal.tell.bind(journal)) };
const environment: Environment = { ...measured, allowWeakPasswords: true };

interface Place {
  readonly dataDir: string;
  readonly directory: string;
}

function placeOf(name: string): Place {
  return { dataDir: join(setting("MEMORY_FOLDER"), name), directory: setting("MEMORY_DIRECTORY") };
}

function newKeyFile(): string {
  const path = join(setting("MEMORY_FOLDER"), "alice.key");
  const bytes = nodeCrypto.randomBytes(KEY_FILE_BYTES);
  journal.tell("key file", bytes);
  writeFileSync(path, bytes, { mode: 0o600 });
  zeroBytes(bytes);
  return path;
}

/** Passwords that end in the heap whatever the agent does: one that is measured (as a string, in a thread), and one that is given as a string. */
async function passwordsAsStrings(): Promise<void> {
  using guessable = newPassword("measured password");
  const first = await createIn(measured, "carol", { dataDir: placeOf("carol").dataDir, password: guessable });
  await first.close();
  using text = newPassword("password given as a string");
  const second = await createIn(environment, "dave", {
    dataDir: placeOf("dave").dataDir,
    password: () => Buffer.from(revealSecret(text).buffer).toString("latin1"),
  });
  await second.close();
}

async function story(): Promise<void> {
  const passwords = { alice: newPassword(), bob: newPassword(), wrong: newPassword(), next: newPassword("new password") };
  const created = await createIn(environment, "alice", { ...placeOf("alice"), password: passwords.alice });
  const bobCreated = await createIn(environment, "bob", { ...placeOf("bob"), password: passwords.bob });
  const keyFile = newKeyFile();
  await created.slots.add({ keyFile });
  await send(created, bobCreated);
  await receive(bobCreated, 1);
  for (let turn = 0; turn < 3; turn++) {
    await send(bobCreated, created);
    await receive(created, 1);
    await send(created, bobCreated);
    await receive(bobCreated, 1);
  }
  await created.close();
  await bobCreated.close();

  await refused(async () => await openIn(environment, { ...placeOf("alice"), password: passwords.wrong }));
  const alice = await openIn(environment, { ...placeOf("alice"), keyFile });
  const bob = await openIn(intercepting(environment, forging), { ...placeOf("bob"), password: passwords.bob });
  await refused(async () => await openIn(environment, { ...placeOf("alice"), password: passwords.alice }));
  await bob.changePassword({ currentPassword: passwords.bob, newPassword: passwords.next, rekey: true });
  await send(alice, bob, "none");
  await receive(bob, 1);
  await send(bob, alice, "identity");
  await receive(alice, 1);
  await send(alice, bob);
  await receive(bob, 1);
  await sendBody(alice, bob, nodeCrypto.randomBytes(LONG_BODY_BYTES), "long plaintext", "instance");
  await receive(bob, 1);
  await refused(async () => await alice.send("nobody", new Uint8Array(4)));
  await refused(async () => await bob.changePassword({ currentPassword: passwords.wrong, newPassword: passwords.next }));
  process.stdout.write(`${inspect([alice, bob.status(), alice.peers.list()], { depth: 9, showHidden: true })}\n`);
  for (const password of Object.values(passwords)) password.dispose();
  await alice.flush();
  await bob.flush();
  await standStill("open");

  await alice.close();
  await bob.close();
  await refused(async () => await alice.send(bob.did, new Uint8Array(4)));
}

/** Shows that the search finds what is there. */
const planted = nodeCrypto.randomBytes(32);
journal.tell("planted", planted);
const plantedText = `planted: ${Buffer.from(planted).toString("base64url")}`;

await passwordsAsStrings();
await story();
await standStill("closed");
writeHeapSnapshot(join(setting("MEMORY_FOLDER"), "closed.heapsnapshot"));
process.stdout.write(`${plantedText.length + planted.length} planted\n`);
lines.close();
process.stdout.write("\nat: end\n");
