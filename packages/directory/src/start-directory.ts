/** The directory as a whole: store, server, clean-up, and their end in the right order. */
import type { AddressInfo } from "node:net";
import { nodeCrypto, talosError } from "@talos/core";
import type { FastifyBaseLogger } from "fastify";
import type { DirectoryContext } from "./context.ts";
import { ownAuthorities } from "./http/authorities.ts";
import { buildServer } from "./http/server.ts";
import { DEFAULT_LIMITS, type DirectoryLimits } from "./limits.ts";
import { VerifiedLogs } from "./log/verified-logs.ts";
import { MailboxWaiters } from "./mailbox/mailbox-waiters.ts";
import { ClaimLimiter } from "./prekeys/claim-limiter.ts";
import type { DirectoryStore } from "./storage/contract/index.ts";
import { openSqliteStore } from "./storage/sqlite/sqlite-store.ts";

const PRUNE_INTERVAL_MS = 60_000;

export interface DirectoryOptions {
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** `sqlite:PATH`, or `sqlite::memory:` for one that is gone when it stops. */
  readonly store: string;
  /** The clock, in milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
  readonly limits?: Partial<DirectoryLimits> | undefined;
  /** `host[:port]` under which it is reached beside the address that it listens on, for example behind a proxy. */
  readonly publicAuthorities?: readonly string[] | undefined;
  /** Off where absent. */
  readonly logger?: FastifyBaseLogger | undefined;
}

export interface RunningDirectory {
  /** `http://host:port`, without a path. */
  readonly url: string;
  readonly port: number;
  /** Lets what is in progress finish, ends what only waits, closes the database. The same promise whenever it is called. */
  close(): Promise<void>;
}

/**
 * Starts a directory; it answers when the promise resolves.
 *
 * @throws TalosError INVALID_ARGUMENT for another kind of store, LISTEN_FAILED, STORAGE_FAILED
 */
export async function startDirectory(options: DirectoryOptions): Promise<RunningDirectory> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const store = openStore(options.store);
  const context: DirectoryContext = {
    store,
    crypto: nodeCrypto,
    now: options.now ?? Date.now,
    limits,
    logs: new VerifiedLogs(limits.verifiedEvents),
    waiters: new MailboxWaiters(limits.waitingFetchesPerMailbox),
    claimLimiter: new ClaimLimiter(limits.claimsPerHour),
  };
  const { host } = options.listen;
  let authorities: ReadonlySet<string> = new Set();
  const app = await buildServer({ context, authorities: () => authorities, logger: options.logger });
  const port = await app
    .listen({ host, port: options.listen.port })
    .then(() => portOf(app.server.address()))
    .catch(async (cause: unknown) => {
      await app.close();
      await store.close();
      throw talosError("LISTEN_FAILED", undefined, { cause });
    });
  authorities = ownAuthorities(host, port, options.publicAuthorities ?? []);
  const stopPruning = keepPruned(context);

  async function stop(): Promise<void> {
    stopPruning();
    const cut = setTimeout(() => app.server.closeAllConnections(), limits.stopGraceMs);
    await app.close();
    clearTimeout(cut);
    await store.close();
  }
  let stopped: Promise<void> | undefined;
  return { url: `http://${hostInUrl(host)}:${port}`, port, close: () => (stopped ??= stop()) };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw talosError("INTERNAL", "The server listens on something that is no port.");
  return address.port;
}

function openStore(store: string): DirectoryStore {
  const path = /^sqlite:(.+)$/s.exec(store)?.[1];
  if (path === undefined)
    throw talosError("INVALID_ARGUMENT", "A directory's store is given as sqlite:PATH.", { details: { option: "store" } });
  return openSqliteStore(path);
}

function hostInUrl(host: string): string {
  if (host === "0.0.0.0" || host === "::" || host === "") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

/** Forgets what has expired, now and every minute, a little per turn of the event loop. */
function keepPruned({ store, now }: DirectoryContext): () => void {
  let stopped = false;
  const prune = (): void => {
    if (stopped) return;
    // A database that cannot be written fails requests too, and louder.
    store.prune(now()).then(
      (more) => more && setImmediate(prune),
      () => {},
    );
  };
  const timer = setInterval(prune, PRUNE_INTERVAL_MS).unref();
  setImmediate(prune);
  return () => {
    stopped = true;
    clearInterval(timer);
  };
}
