/** Shares as files: one for each, written once and never over anything, for their owner alone. Knows no vault and no log. */
import { join, resolve } from "node:path";
import { agentIdToDid, type AgentId, type Crypto, revealSecret, talosError, zeroBytes } from "@talos/core";
import { readPassword } from "../password/index.ts";
import { makeFolder, statPath, unlinkQuietly } from "../vault/files.ts";
import type { KdfParameters } from "../vault/index.ts";
import { makeKit, openKit, readText, writeDurably } from "./kit-file.ts";
import type { JoinRecoverySharesOptions, SplitRecoveryKitOptions } from "./kit-options.ts";
import { readKitPlace } from "./new-kit.ts";
import { damagedShare } from "./share-record.ts";
import { joinShares, splitSeed, type ShareText } from "./shares.ts";

export interface KitShares {
  readonly did: string;
  readonly agentName: string;
  /** How people tell sets apart, 8 hexadecimal digits; it stands in each share. */
  readonly set: string;
  readonly threshold: number;
  /** Paths, by the number of the share. */
  readonly files: readonly string[];
}

export interface JoinedKit {
  /** Of the new kit. */
  readonly path: string;
  readonly did: string;
  readonly agentName: string;
  readonly set: string;
}

/**
 * The kit stays as it is and goes on serving. Nothing is left behind where one of the files cannot be written.
 *
 * @param expected RECOVERY_KIT_FOREIGN for another agent's kit
 * @throws TalosError as `openKit` and `splitSeed`; FILE_EXISTS, STORAGE_FAILED
 */
export async function splitKit(options: SplitRecoveryKitOptions, crypto: Crypto, expected?: AgentId): Promise<KitShares> {
  const { path, password: source, shares: count, threshold, outputDir } = options;
  using password = await readPassword(source);
  using kit = openKit(path, password, crypto, expected);
  const { setName, shares } = await splitSeed(kit.seed, kit, { count, threshold }, crypto);
  using cleanup = new DisposableStack();
  for (const share of shares) cleanup.use(share);
  const folder = resolve(outputDir);
  makeFolder(folder);
  const nameOf = ({ index }: ShareText): string => `${fileName(kit.agentName)}.share-${index}-of-${count}.${setName}.txt`;
  const files = writeAll(shares.map((share) => [join(folder, nameOf(share)), share]));
  return { did: agentIdToDid(kit.agentId), agentName: kit.agentName, set: setName, threshold, files };
}

/**
 * Makes a kit of shares again, under a password of its own. The seed is the same, so an agent that waits for it needs no event.
 *
 * @throws TalosError FILE_NOT_FOUND and as `joinShares`; of the new kit as `readKitPlace` and `makeKit`
 */
export async function joinKit(
  { shares, path, password, allowWeakPassword }: JoinRecoverySharesOptions,
  { crypto, now, kdf, allowWeak }: { crypto: Crypto; now: number; kdf: KdfParameters | undefined; allowWeak: boolean },
): Promise<JoinedKit> {
  const texts: Uint8Array[] = [];
  try {
    for (const [i, share] of shares.entries()) texts.push(readText(share, "share", damagedShare(i + 1)));
    using joined = await joinShares(texts, crypto);
    const { agentName, agentId, setName, seed } = joined;
    const rules = { dataDir: undefined, isKnown: () => false, allowWeak: allowWeak || allowWeakPassword === true, agentName };
    using place = await readKitPlace({ path, password }, rules);
    makeKit({ path: place.path, seed, password: place.password, agentName, agentId, createdAt: now, kdf, crypto });
    return { path: place.path, did: agentIdToDid(agentId), agentName, set: setName };
  } finally {
    for (const text of texts) zeroBytes(text);
  }
}

function writeAll(shares: readonly (readonly [string, ShareText])[]): string[] {
  const written: string[] = [];
  try {
    for (const [file, { text }] of shares) {
      if (statPath(file) !== undefined) throw talosError("FILE_EXISTS", undefined, { details: { path: file } });
      writeDurably(file, revealSecret(text), "A share could not be written.");
      written.push(file);
    }
    return written;
  } catch (error) {
    // Some shares of a set are of no use, and lie about.
    for (const file of written) unlinkQuietly(file);
    throw error;
  }
}

/** A name that cannot leave its folder, whatever the kit says. */
function fileName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, "_").replace(/^\./, "_");
}
