/** What must be true of backups, and of trials of them, whatever was cut short. Knows no fault. */
import { existsSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TalosClient, Vault } from "@talos/agent";
import { isTalosError, SecretBytes } from "@talos/core";
import type { AgentOperation } from "./operation.ts";
import { BACKUP_PASSWORD, KIT_PASSWORD, NEW_PASSWORD, PASSWORD, patientCrypto, type World } from "./world.ts";

const KEYS = 3;
const SETTLED_SECONDS = 120;
const FACTS = "facts.json";

/** Nobody has touched anything since it was cut short. */
export async function checkLeavings(world: World): Promise<string[]> {
  const faults: string[] = [];
  for (const name of filesBelow(world.folder)) {
    const found = secretIn(world, readFileSync(join(world.folder, name)));
    if (found !== undefined && name !== FACTS) faults.push(`${name} holds ${found}`);
  }
  for (const folder of readdirSync(world.temporary)) {
    const opened = await opensWithSome(join(world.temporary, folder));
    if (opened !== undefined) faults.push(`what is left of a trial opens: ${opened}`);
  }
  return faults;
}

/** The operation was made again, and is done. */
export async function checkBackups(world: World, { isRestored, events }: AgentOperation, client: TalosClient): Promise<string[]> {
  const faults: string[] = [];
  // Nobody removes at once what somebody else may just be making.
  const before = Date.now() / 1000 - SETTLED_SECONDS;
  for (const folder of readdirSync(world.temporary)) utimesSync(join(world.temporary, folder), before, before);
  for (const [index, path] of world.backups.entries()) {
    if (!existsSync(path)) continue;
    const { verdict, keys, did } = await world.withTemporary(async () => await client.verifyBackup({ path, password: BACKUP_PASSWORD }));
    if (
      verdict !== (events === 0 ? "good" : "dangerous") ||
      did !== world.facts.did ||
      keys.length !== KEYS ||
      keys.some(({ proved }) => !proved)
    )
      faults.push(`backup ${index + 1} is ${verdict}, and proves ${keys.filter(({ proved }) => proved).length} keys`);
    if ((statSync(path).mode & 0o777) !== 0o600) faults.push(`others may read backup ${index + 1}`);
    const others = readdirSync(dirname(path)).filter((name) => join(dirname(path), name) !== path);
    if (others.length > 0) faults.push(`beside backup ${index + 1} lies ${others.join()}`);
  }
  const left = readdirSync(world.temporary);
  if (left.length > 0) faults.push(`of trials there is left: ${left.join()}`);
  const { problems } = client.audit.verify();
  for (const { code } of problems) faults.push(`the audit: ${code}`);
  if (isRestored === true && client.peers.show(world.facts.bob).trust !== "verified") faults.push("what was known of the peer is lost");
  return faults;
}

function secretIn(world: World, bytes: Buffer): string | undefined {
  const passwords = [PASSWORD, NEW_PASSWORD, BACKUP_PASSWORD, KIT_PASSWORD];
  if (passwords.some((password) => bytes.includes(password))) return "a password";
  return world.facts.privateKeys?.some((key) => bytes.includes(Buffer.from(key, "hex"))) === true ? "a private key" : undefined;
}

async function opensWithSome(folder: string): Promise<string | undefined> {
  if (!statSync(folder).isDirectory() || !existsSync(join(folder, "state.db"))) return undefined;
  for (const password of [PASSWORD, NEW_PASSWORD, BACKUP_PASSWORD]) {
    const unlock = { kind: "password", secret: SecretBytes.fromUtf8(password) } as const;
    try {
      (await Vault.inspect({ dataDir: folder, unlock, crypto: patientCrypto })).close();
      return password;
    } catch (error) {
      if (!isTalosError(error)) throw error;
    }
  }
  return undefined;
}

function filesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => statSync(join(folder, name)).isFile());
}
