/**
 * Opens an agent over an open vault: its own log and keys, an instance certified by the identity key (one operation of it),
 * and everything that the loops share. Where another instance has superseded this agent before, it opens without an
 * instance: it keeps everything and acts no more.
 */
import { equalBytes, talosError, verifyLog, type Certificate, type IdentityLog } from "@talos/core";
import { openBackend, type BackendAgreementKey, type BackendKeyKind, type BackendKeys, type BackendSigningKey } from "../backends/index.ts";
import type { AgentContext, AgentPolicy } from "../context.ts";
import { Directories } from "../directory/directories.ts";
import type { Environment } from "../environment.ts";
import { Commits } from "../messaging/commits.ts";
import { LiveSessions } from "../messaging/live-sessions.ts";
import { PeerBook } from "../messaging/peer-book.ts";
import { HOME_DIRECTORY, type Vault } from "../vault/index.ts";
import { Instance } from "./instance.ts";
import { Standing } from "./standing.ts";
import { hearOwnCertificate, supersededBefore } from "./supersession.ts";

export interface OpenAgentInput {
  readonly vault: Vault;
  readonly environment: Environment;
  readonly policy: AgentPolicy;
  /** Canonical URL; absent: the one used last. */
  readonly directory: string | undefined;
}

/** An agent in memory; `close` releases keys and vault, in this order. */
export interface OpenedAgent {
  readonly context: AgentContext;
  close(): void;
}

/** @throws TalosError of the backend, of a damaged vault, COMMIT_FAILED. The vault is closed then. */
export async function openAgent(input: OpenAgentInput): Promise<OpenedAgent> {
  const { vault, environment } = input;
  using cleanup = new DisposableStack();
  cleanup.defer(() => vault.close());
  const { crypto, clock } = environment;
  const log = ownLog(vault, environment);
  const identityKey = cleanup.use(await openKey(vault, "identity", environment));
  const encryptionKey = cleanup.use(await openKey(vault, "encryption", environment));
  checkOwn(log, identityKey, encryptionKey);
  const home = homeDirectory(input);

  const standing = new Standing();
  const before = vault.read((tx) => supersededBefore(tx, log, crypto));
  if (before !== undefined) standing.supersede(before.seq, before.generation);
  const directories = home === undefined ? [] : [home];
  const facts = { log, identityKey, generation: vault.generation, directories, crypto };
  // The identity key does nothing for an instance that may not act.
  const last = standing.isActive ? undefined : vault.read((tx) => tx.log.certificate());
  const instance = cleanup.use(last === undefined ? await Instance.open(facts, clock.now()) : Instance.dormant(facts, last));

  const sessions = cleanup.use(new LiveSessions());
  const peers = new PeerBook(crypto);
  const commits = new Commits(vault, standing, [sessions, peers]);
  const store = (certificate: Certificate): void => commits.now((tx) => tx.log.setCertificate(certificate.wire));
  if (standing.isActive) store(instance.certificate);

  let renewing: Promise<void> | undefined;
  const renewCertificate = async (): Promise<void> => {
    // Two that find it run out at once share one operation of the identity key.
    renewing ??= instance
      .renew(clock.now())
      .then(store)
      .finally(() => {
        renewing = undefined;
      });
    await renewing;
  };
  const known = new Directories({
    open: (url) => environment.openDirectory({ url, crypto, clock, instance: () => instance.requestSigner() }),
    log,
    certificate: async () => {
      if (!instance.isUsable(clock.now())) await renewCertificate();
      return instance.certificate;
    },
    hear: (wire) => hearOwnCertificate({ vault, log, instance, standing, crypto }, wire),
    requireActive: () => standing.requireActive(),
  });
  cleanup.defer(() => known.close());
  const context: AgentContext = {
    vault,
    crypto,
    clock,
    policy: input.policy,
    log,
    identityKey,
    encryptionKey,
    instance,
    standing,
    directories: known,
    home,
    commits,
    sessions,
    peers,
    renewCertificate,
  };
  const held = cleanup.move();
  return { context, close: () => held.dispose() };
}

function ownLog(vault: Vault, { crypto, clock }: Environment): IdentityLog {
  const events = vault.read((tx) => tx.log.events().map(({ wire }) => wire));
  return verifyLog(undefined, events, clock.now(), crypto, vault.agentId).log;
}

async function openKey<K extends Exclude<BackendKeyKind, "next-identity">>(
  vault: Vault,
  kind: K,
  { crypto }: Environment,
): Promise<BackendKeys[K]> {
  const entry = vault.read((tx) => tx.inventory.live(kind));
  if (entry === undefined) throw talosError("KEY_NOT_FOUND", undefined, { details: { kind } });
  const backend = openBackend(entry.backend, { files: vault.files, crypto });
  return await backend.open({ backend: entry.backend, kind, keyId: entry.keyId });
}

/** The keys that the log names are the keys that are here. */
function checkOwn(log: IdentityLog, identity: BackendSigningKey<"identity">, encryption: BackendAgreementKey): void {
  const fits =
    equalBytes(log.identityKey.bytes, identity.publicKey.bytes) && equalBytes(log.encryptionKey.bytes, encryption.publicKey.bytes);
  if (!fits) throw talosError("VAULT_CORRUPT", "The keys in the data directory are not those of the agent's log.");
}

/** The one that is given is remembered for the next time. */
function homeDirectory({ vault, directory }: OpenAgentInput): string | undefined {
  const before = vault.read((tx) => tx.settings.get(HOME_DIRECTORY));
  if (directory === undefined || directory === before) return before;
  vault.transaction((tx) => tx.settings.set(HOME_DIRECTORY, directory));
  return directory;
}
