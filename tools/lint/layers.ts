// Who may import whom, as one table. In oxlint the last override that matches a file replaces the ones before it, so each file
// gets exactly one list, put together here from the rules that hold for it.
// Knows the folders, not what is in them.

interface Restriction {
  regex: string;
  message: string;
}

interface Layer {
  readonly files: readonly string[];
  readonly restrictions: readonly Restriction[];
}

function packages(names: readonly string[], message: string): Restriction {
  return { regex: `^@talos/(${names.join("|")})(/|$)`, message };
}

function rooms(names: readonly string[], message: string): Restriction {
  return { regex: `^(\\.\\./)+(src/)?(${names.join("|")})(/|\\.ts$)`, message };
}

function builtins(names: readonly string[], message: string): Restriction {
  return { regex: `^(node:)?(${names.join("|")})(/|$)`, message };
}

const BY_NAME: Restriction = {
  regex: "^\\.\\./(.*/)?(core|agent|directory|cli|testkit)/(src|dist)(/|$)",
  message: "another package is imported by its name",
};
const TESTKIT = packages(["testkit"], "testkit is imported by tests alone");
const CRYPTO = builtins(["crypto"], "cryptography goes through core's Crypto; only core/src/primitives knows node:crypto");
const PURE = builtins(
  ["fs", "http", "https", "http2", "net", "tls", "dgram", "dns", "sqlite", "child_process", "worker_threads", "os", "timers", "readline"],
  "core is pure: no files, no network, no database, no processes, no clock",
);

/** Each of them is a second opinion for tests, or nothing. */
const OTHER_CRYPTO: Restriction = {
  regex: "^@noble/",
  message: "cryptography comes from node:crypto alone; other libraries check it in tests",
};

const EVERYWHERE = [BY_NAME, TESTKIT, OTHER_CRYPTO];
const CORE = [...EVERYWHERE, packages(["agent", "directory", "cli"], "core stands on nothing of ours"), PURE];

const AGENT_ROOMS = ["keys", "identity", "instance", "prekeys"];
const TALK_ROOMS = ["handshake", "ratchet", "session", "envelope", "requests", "rotation"];
const GROUND = rooms([...AGENT_ROOMS, ...TALK_ROOMS], "the ground floor knows no keys, no agents and no messages");
const IDENTITY = rooms(TALK_ROOMS, "what an agent is knows nothing of how agents talk");
const RATCHET = rooms(
  ["identity", "instance", "prekeys", "handshake", "session", "envelope", "requests", "rotation"],
  "the ratchet knows no peer, no handshake and no wire",
);

/** First match wins here; `oxlint.config.ts` turns that round. */
export const LAYERS: readonly Layer[] = [
  { files: ["packages/core/src/primitives/**"], restrictions: [...CORE, GROUND] },
  { files: ["packages/core/src/{bytes,secret,errors,codec,merkle}/**"], restrictions: [...CORE, CRYPTO, GROUND] },
  { files: ["packages/core/src/{keys,identity,instance,prekeys}/**"], restrictions: [...CORE, CRYPTO, IDENTITY] },
  { files: ["packages/core/src/ratchet/**"], restrictions: [...CORE, CRYPTO, RATCHET] },
  { files: ["packages/core/src/**"], restrictions: [...CORE, CRYPTO] },
  {
    files: ["packages/agent/src/**"],
    restrictions: [...EVERYWHERE, packages(["directory", "cli"], "the agent knows the directory by its protocol alone"), CRYPTO],
  },
  {
    files: ["packages/directory/src/**"],
    restrictions: [...EVERYWHERE, packages(["agent", "cli"], "the directory stands on core alone"), CRYPTO],
  },
  { files: ["packages/cli/src/**"], restrictions: [...EVERYWHERE, CRYPTO] },
];
