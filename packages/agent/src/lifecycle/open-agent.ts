/**
 * Opens an agent over an open vault: its own log and keys, an instance certified by the identity key (one operation of it),
 * and everything that the loops share. Where another instance has superseded this agent before, or it comes from a backup and has not been
 * compared yet, it opens without an instance: it keeps everything and does not act.
 */
import type { AuditHead, Certificate } from "@talos/core";
import { AgentEvents } from "../agent-events.ts";
import type { AgentContext, AgentPolicy } from "../context.ts";
import { Directories } from "../directory/directories.ts";
import type { Directory } from "../directory/directory.ts";
import { whileBusy } from "../directory/patience.ts";
import type { Environment } from "../environment.ts";
import { Commits } from "../messaging/commits.ts";
import { LiveSessions } from "../messaging/live-sessions.ts";
import { PeerBook } from "../messaging/peer-book.ts";
import { Wakeup } from "../messaging/wakeup.ts";
import { HOME_DIRECTORY, type Vault } from "../vault/index.ts";
import { certificateSigned, noteFirstUse } from "./audit-entries.ts";
import { rememberFormerHome } from "./former-homes.ts";
import { Instance } from "./instance.ts";
import { OwnIdentity } from "./own-identity.ts";
import { isMarkedHeld } from "./recover/held-recovery.ts";
import { keepFormerHome } from "./recover/places.ts";
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
  const identity = cleanup.use(await OwnIdentity.open(vault, crypto, clock.now()));
  const home = homeDirectory(input);

  const standing = new Standing();
  if (identity.isRevoked) standing.revoke();
  if (vault.read(isMarkedHeld)) standing.hold();
  const before = vault.read((tx) => supersededBefore(tx, identity.log, crypto));
  if (before !== undefined) standing.supersede(before.seq, before.generation);
  const directories = home === undefined ? [] : [home];
  const auditHead = (): AuditHead => vault.read((tx) => tx.audit.head(crypto));
  const facts = { identity, generation: vault.generation, directories, auditHead, crypto };
  // The identity key does nothing for an instance that may not act.
  const last = (): Uint8Array | undefined => vault.read((tx) => tx.log.certificate());
  const instance = cleanup.use(standing.isActive ? await Instance.open(facts, clock.now()) : Instance.dormant(facts, last()));

  const sessions = cleanup.use(new LiveSessions());
  const events = new AgentEvents();
  const peers = new PeerBook({ crypto, sessions, events });
  const commits = new Commits(vault, standing, [sessions, peers]);
  const store = (certificate: Certificate): void =>
    commits.now((tx) => {
      tx.log.setCertificate(certificate.wire);
      tx.audit.append(certificateSigned(certificate, clock.now()));
      const signer = tx.inventory.live("identity");
      if (signer !== undefined) noteFirstUse(tx, signer, clock.now());
    });
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
  const open = (url: string): Directory => environment.openDirectory({ url, crypto, clock, instance: () => instance.requestSigner() });
  const ownLogDoubt = new Wakeup();
  const doubted = (): void => ownLogDoubt.ring();
  const known = new Directories({
    open,
    get log() {
      return identity.log;
    },
    certificate: async () => {
      if (!instance.isUsable(clock.now())) await renewCertificate();
      return instance.certificate;
    },
    hear: (wire) => hearOwnCertificate({ vault, log: identity.log, instance, standing, crypto, events, doubted }, wire),
    doubted,
    requireActive: () => standing.requireActive(),
  });
  cleanup.defer(() => known.close());
  const context: AgentContext = {
    vault,
    crypto,
    clock,
    backupKdf: environment.backupKdf,
    policy: input.policy,
    identity,
    get log() {
      return identity.log;
    },
    get identityKey() {
      return identity.identityKey;
    },
    get encryptionKey() {
      return identity.encryptionKey;
    },
    instance,
    standing,
    directories: known,
    home,
    commits,
    sessions,
    peers,
    events,
    ownLogDoubt,
    unsigned: async (url, request) => await whileBusy(clock, async () => await known.apart(url, request)),
    renewCertificate,
  };
  const held = cleanup.move();
  return { context, close: () => held.dispose() };
}

/** The one that is given is remembered for the next time. */
function homeDirectory({ vault, directory, environment }: OpenAgentInput): string | undefined {
  const before = vault.read((tx) => tx.settings.get(HOME_DIRECTORY));
  if (directory === undefined || directory === before) return before;
  vault.transaction((tx) => {
    tx.settings.set(HOME_DIRECTORY, directory);
    // It has published nowhere from here, so nothing else says where mail lies, and which directory knows of more than the backup.
    if (before === undefined || !isMarkedHeld(tx)) return;
    rememberFormerHome(tx, before, environment.clock.now());
    keepFormerHome(tx, before);
  });
  return directory;
}
