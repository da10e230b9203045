/**
 * A process that opens a vault, keeps changing it until it is killed, and says in lines what it has done. Where `marker` lies already
 * and its process lives, there are two holders.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { isTalosError } from "@talos/core";
import type { Vault } from "@talos/agent";
import { fixtureCrypto, openVault, putSession } from "./vault-fixture.ts";

const [task = "", dataDir = "", marker = ""] = process.argv.slice(2);
const crypto = fixtureCrypto(`holder ${process.pid}`);

if (task === "race") await race();
else await commitWhenTold();

async function race(): Promise<void> {
  const vault = await openOnceFree();
  markAsHolder();
  say(`open ${vault.generation}`);
  for (let step = 1; ; step++) {
    vault.transaction((tx) => {
      putSession(tx, `holder ${vault.generation}`, step);
    });
    say(`step ${step}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function openOnceFree(): Promise<Vault> {
  for (;;) {
    try {
      return await openVault(dataDir, crypto);
    } catch (error) {
      if (!isTalosError(error, "VAULT_LOCKED")) throw error;
      say(`locked ${String(error.details["pid"] ?? "by nobody known")}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

function markAsHolder(): void {
  for (;;) {
    try {
      writeFileSync(marker, `${process.pid}`, { flag: "wx" });
      return;
    } catch {
      const other = readMarker();
      if (other !== undefined && isAlive(other)) throw new Error(`${other} holds the vault too`);
      rmSync(marker, { force: true });
    }
  }
}

function readMarker(): number | undefined {
  try {
    return Number(readFileSync(marker, "utf8"));
  } catch {
    return undefined;
  }
}

/** Killed and not yet waited for is dead. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Opens, and tries one change for each line that it is sent. */
async function commitWhenTold(): Promise<void> {
  const vault = await openVault(dataDir, crypto);
  say(`open ${vault.generation}`);
  let step = 0;
  for await (const _ of createInterface({ input: process.stdin })) {
    try {
      step++;
      vault.transaction((tx) => {
        putSession(tx, "sleeper", step);
      });
      say("committed");
    } catch (error) {
      say(isTalosError(error) ? error.code : String(error));
    }
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
