import assert from "node:assert/strict";
import fs, { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { decodeUtf8, isTalosError, type KeyId, nodeCrypto, type SecretBytes, toHex, utf8 } from "@talos/core";
import { hasCode, listModes, recordingCrypto, snapshotFolder } from "@talos/testkit";
import { createParts } from "./create.ts";
import { otherwise, refuses } from "./disk-fixture.test.ts";
import { openParts } from "./open.ts";
import {
  agent,
  changeFile,
  FLOOR_KDF,
  makeClosedVault,
  makeFile,
  makeVault,
  NOW,
  password,
  prekeyEntry,
  reopen,
  stageKeys,
  stagePrekey,
  temporaryFolder,
} from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

const crypto = nodeCrypto;

test("a new data directory has exactly the design's files, 0700 and 0600, whatever the umask", async () => {
  using folder = temporaryFolder();
  const umask = process.umask(0);
  const { vault, keys } = await makeVault(folder.dataDir, { oneTimePrekeys: 2 }).finally(() => process.umask(umask));
  const keyFiles = [
    "0600 encryption.key.enc",
    "0600 identity.key.enc",
    "0600 identity.next.key.enc",
    "0600 lock",
    "0600 metadata.json",
    "0700 prekeys/",
    ...keys.oneTime.map((keyId) => `0600 prekeys/otpk_${keyId}.enc`).sort(),
    "0600 prekeys/signed_prekey.enc",
  ];
  assert.deepEqual(listModes(folder.dataDir), ["0700 ./", ...keyFiles, "0600 state.db", "0600 state.db-shm", "0600 state.db-wal"]);
  vault.close();
  assert.deepEqual(listModes(folder.dataDir), ["0700 ./", ...keyFiles, "0600 state.db"]);
});

test("what was made is there after closing and opening, one generation on", async () => {
  using folder = temporaryFolder();
  const keys = await makeClosedVault(folder.dataDir, { agentName: "bob" });
  for (const generation of [2, 3]) {
    using vault = await reopen(folder.dataDir);
    assert.deepEqual(vault.agentId, agent("bob"));
    assert.equal(vault.name, "bob");
    assert.equal(vault.createdAt, NOW);
    assert.equal(vault.generation, generation);
    assert.deepEqual(vault.findings, []);
    assert.equal(
      vault.read((tx) => tx.inventory.live("identity", "next")?.keyId),
      keys.next,
    );
    assert.equal(
      vault.read((tx) => tx.inventory.countOneTime()),
      3,
    );
    for (const keyId of keys.oneTime) vault.files.load("one-time-prekey", keyId).dispose();
  }
});

test("no secret stands in any file of the folder, nor the password", async () => {
  using folder = temporaryFolder();
  const recording = recordingCrypto();
  recording.remember("password", utf8("correct horse battery staple"));
  const body = utf8("a body that nobody else may read");
  recording.remember("body", body);
  const { vault } = await makeVault(folder.dataDir, { crypto: recording });
  vault.transaction((tx) => {
    const row = { messageId: crypto.randomBytes(16), contentType: "text/plain", createdAt: NOW };
    tx.outbox.insert({ ...row, peer: agent("bob"), sign: "instance", frameType: 1, body, outcome: { reason: "no-session" } });
  });
  vault.close();
  assert.ok(recording.secrets.length > 10);
  for (const file of listModes(folder.dataDir).filter((line) => !line.endsWith("/"))) {
    assert.deepEqual(recording.findSecretsIn(readFileSync(join(folder.dataDir, file.slice(5)))), [], file);
  }
});

test("one Argon2id run per opening", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  let runs = 0;
  const counting = {
    ...crypto,
    argon2id: (...args: Parameters<typeof crypto.argon2id>): SecretBytes => {
      runs++;
      return crypto.argon2id(...args);
    },
  };
  (await Vault.open({ dataDir: folder.dataDir, unlock: password(), crypto: counting, now: NOW, kdf: FLOOR_KDF })).close();
  assert.equal(runs, 1);
});

test("a password typed in another Unicode form is the same", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir, { unlock: password("Zürich") });
  (await reopen(folder.dataDir, "Zürich")).close();
});

test("a password is required, and an empty one is none", async () => {
  using folder = temporaryFolder();
  await assert.rejects(makeVault(folder.dataDir, { unlock: password("") }), hasCode("PASSWORD_REQUIRED"));
  assert.equal(existsSync(folder.dataDir), false);
  await makeClosedVault(folder.dataDir);
  const before = snapshotFolder(folder.dataDir);
  await assert.rejects(reopen(folder.dataDir, ""), hasCode("PASSWORD_REQUIRED"));
  assert.deepEqual(snapshotFolder(folder.dataDir), before);
});

test("failure 29: wrong password, no agent and a damaged database are three errors, and none changes a byte", async () => {
  using folder = temporaryFolder();
  await assert.rejects(reopen(folder.dataDir), hasCode("VAULT_NOT_FOUND"));
  mkdirSync(folder.dataDir, { mode: 0o700 });
  await assert.rejects(reopen(folder.dataDir), hasCode("VAULT_NOT_FOUND"));
  assert.deepEqual(listModes(folder.dataDir), ["0700 ./"]);

  await makeClosedVault(folder.dataDir);
  const before = snapshotFolder(folder.dataDir);
  await assert.rejects(reopen(folder.dataDir, "wrong"), hasCode("WRONG_PASSWORD"));
  await assert.rejects(Vault.inspect({ dataDir: folder.dataDir, unlock: password("wrong"), crypto }), hasCode("WRONG_PASSWORD"));
  await assert.rejects(makeVault(folder.dataDir), hasCode("VAULT_EXISTS"));
  assert.deepEqual(snapshotFolder(folder.dataDir), before);

  changeFile(join(folder.dataDir, "state.db"), (content) => Buffer.concat([Buffer.alloc(100, 7), content.subarray(100)]));
  const damaged = snapshotFolder(folder.dataDir);
  await assert.rejects(reopen(folder.dataDir), hasCode("VAULT_CORRUPT"));
  await assert.rejects(Vault.inspect({ dataDir: folder.dataDir, crypto }), hasCode("VAULT_CORRUPT"));
  await assert.rejects(makeVault(folder.dataDir), hasCode("VAULT_CORRUPT"));
  assert.deepEqual(snapshotFolder(folder.dataDir), damaged);
});

test("failure 29: key files without their database are never made over", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  for (const loss of ["gone", "empty"]) {
    rmSync(join(folder.dataDir, "state.db"), { force: true });
    if (loss === "empty") makeFile(join(folder.dataDir, "state.db"));
    const before = snapshotFolder(folder.dataDir);
    await assert.rejects(reopen(folder.dataDir), hasCode("VAULT_CORRUPT"));
    await assert.rejects(makeVault(folder.dataDir), hasCode("VAULT_CORRUPT"));
    assert.deepEqual(snapshotFolder(folder.dataDir), before);
  }
});

test("failure 31: loose modes are refused before anything is read, with the command that mends them", async () => {
  using folder = temporaryFolder();
  const keys = await makeClosedVault(folder.dataDir);
  const { dataDir } = folder;
  for (const [name, mode, mended] of [
    ["", 0o755, "700"],
    ["", 0o710, "700"],
    ["prekeys", 0o701, "700"],
    ["identity.key.enc", 0o644, "600"],
    ["state.db", 0o660, "600"],
    ["lock", 0o604, "600"],
    ["metadata.json", 0o640, "600"],
    [`prekeys/otpk_${keys.oneTime[0]}.enc`, 0o700, "600"],
  ] as const) {
    const path = join(dataDir, name);
    const proper = lstatSync(path).mode & 0o777;
    chmodSync(path, mode);
    const before = snapshotFolder(dataDir);
    const refused = (error: unknown): boolean =>
      isTalosError(error, "PERMISSIONS_TOO_OPEN") && error.hint.includes(`chmod ${mended} `) && error.details["path"] === path;
    await assert.rejects(reopen(dataDir), refused, name);
    await assert.rejects(Vault.inspect({ dataDir, crypto }), refused, name);
    await assert.rejects(makeVault(dataDir), refused, name);
    assert.throws(() => Vault.exists(dataDir), refused, name);
    assert.deepEqual(snapshotFolder(dataDir), before);
    chmodSync(path, proper);
  }
  (await reopen(dataDir)).close();
});

test("failure 31: a folder that somebody makes while a vault is being made is refused like one that was there", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  let isMade = false;
  const makeMeanwhile = (path: string): boolean => {
    if (path === dataDir && !isMade) {
      isMade = true;
      mkdirSync(dataDir);
      chmodSync(dataDir, 0o777);
    }
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  };
  const making = otherwise({ existsSync: makeMeanwhile }, () => makeVault(dataDir));
  await assert.rejects(making, hasCode("PERMISSIONS_TOO_OPEN"));
  assert.ok(isMade);
  assert.deepEqual(fs.readdirSync(dataDir), []);
});

test("failure 31: symbolic links are refused, to the folder and inside it", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const link = join(folder.parent, "link");
  symlinkSync(folder.dataDir, link);
  await assert.rejects(reopen(link), hasCode("SYMLINK_REFUSED"));
  await assert.rejects(makeVault(link), hasCode("SYMLINK_REFUSED"));
  const moved = join(folder.parent, "identity");
  writeFileSync(moved, readFileSync(join(folder.dataDir, "identity.key.enc")), { mode: 0o600 });
  rmSync(join(folder.dataDir, "identity.key.enc"));
  symlinkSync(moved, join(folder.dataDir, "identity.key.enc"));
  await assert.rejects(reopen(folder.dataDir), hasCode("SYMLINK_REFUSED"));
});

test("failure 33: a second opening is refused by name, also in one process, and reading goes on", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const locked = (error: unknown): boolean =>
    isTalosError(error, "VAULT_LOCKED") &&
    error.details["pid"] === process.pid &&
    typeof error.details["host"] === "string" &&
    error.details["since"] === new Date(NOW).toISOString();
  await assert.rejects(reopen(folder.dataDir), locked);
  await assert.rejects(reopen(folder.dataDir), locked);
  using inspection = await Vault.inspect({ dataDir: folder.dataDir, crypto });
  assert.equal(inspection.holder?.pid, process.pid);
  vault.transaction((tx) => {
    tx.settings.set("after", "the refused openings");
  });
  vault.close();
  using second = await reopen(folder.dataDir);
  assert.equal(second.generation, 2);
});

test("failure 33: a holder whose lock fell and whose folder was opened since cannot commit any more", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  using sleeper = new Vault(parts);
  // As when a container is stopped on a shared volume: the lock is free, the process is not gone.
  parts.lock[Symbol.dispose]();
  using newer = await reopen(folder.dataDir);
  newer.transaction((tx) => {
    tx.settings.set("whose", "the newer one's");
  });
  assert.throws(
    () =>
      sleeper.transaction((tx) => {
        tx.settings.set("whose", "the sleeper's");
      }),
    hasCode("GENERATION_FENCED"),
  );
  assert.equal(
    newer.read((tx) => tx.settings.get("whose")),
    "the newer one's",
  );
});

test("failure 55: opening never creates, and refuses another agent's folder without trying the password", async () => {
  using folder = temporaryFolder();
  await assert.rejects(reopen(folder.dataDir), hasCode("VAULT_NOT_FOUND"));
  assert.equal(existsSync(folder.dataDir), false);
  assert.equal(Vault.exists(folder.dataDir), false);
  await makeClosedVault(folder.dataDir, { agentName: "alice" });
  assert.equal(Vault.exists(folder.dataDir), true);
  const before = snapshotFolder(folder.dataDir);
  await assert.rejects(
    Vault.open({ dataDir: folder.dataDir, unlock: password("wrong"), crypto, now: NOW, expectAgentId: agent("bob") }),
    hasCode("VAULT_FOREIGN"),
  );
  assert.deepEqual(snapshotFolder(folder.dataDir), before);
  (await Vault.open({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, expectAgentId: agent("alice") })).close();
});

test("a transaction that throws changes nothing and the next one works", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  assert.throws(
    () =>
      closing.transaction((tx) => {
        tx.settings.set("a", "1");
        throw new RangeError("no");
      }),
    RangeError,
  );
  assert.equal(
    closing.read((tx) => tx.settings.get("a")),
    undefined,
  );
  assert.throws(() => closing.transaction(() => Promise.resolve()), hasCode("INTERNAL"));
  assert.throws(() => closing.transaction(() => closing.transaction(() => 1)), hasCode("INTERNAL"));
  assert.equal(
    closing.transaction((tx) => {
      tx.settings.set("a", "2");
      return tx.settings.get("a");
    }),
    "2",
  );
});

test("tables are written to only inside a transaction", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  let kept: Parameters<Parameters<Vault["transaction"]>[0]>[0] | undefined;
  closing.transaction((tx) => {
    kept = tx;
  });
  assert.throws(() => kept?.settings.set("a", "1"), hasCode("INTERNAL"));
});

test("a commit that the file system refuses fails by name, changes neither disk nor memory, and the next one works", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  using vault = new Vault(parts);
  const row = {
    peer: agent("bob"),
    contentType: "text/plain",
    sign: "instance",
    frameType: 1,
    createdAt: NOW,
    outcome: { reason: "no-session" },
  } as const;
  const keyId = vault.read((tx) => tx.inventory.list({ kind: "one-time-prekey" })[0]?.keyId ?? assert.fail());
  const pages = parts.database.prepare("PRAGMA page_count").get()?.["page_count"];
  parts.database.exec(`PRAGMA max_page_count = ${String(pages)}`);
  for (let i = 0; i < 3; i++) {
    assert.throws(
      () =>
        vault.transaction((tx) => {
          tx.inventory.setState(keyId, "ended", NOW);
          tx.outbox.insert({ ...row, messageId: crypto.randomBytes(16), body: new Uint8Array(100_000) });
        }),
      hasCode("COMMIT_FAILED"),
    );
  }
  assert.equal(vault.read((tx) => tx.outbox.counts()).waiting, 0);
  assert.equal(
    vault.read((tx) => tx.inventory.get(keyId)?.state),
    "live",
  );
  vault.files.load("one-time-prekey", keyId).dispose();
  parts.database.exec("PRAGMA max_page_count = 4294967294");
  vault.transaction((tx) => {
    tx.inventory.setState(keyId, "ended", NOW);
    tx.outbox.insert({ ...row, messageId: crypto.randomBytes(16), body: new Uint8Array(100_000) });
  });
  assert.throws(() => vault.files.load("one-time-prekey", keyId), hasCode("KEY_FILE_MISSING"));
  assert.equal(vault.read((tx) => tx.outbox.counts()).waiting, 1);
});

test("a read-only database refuses the commit by name", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  using vault = new Vault(parts);
  const set = (value: string): void => {
    vault.transaction((tx) => {
      tx.settings.set("a", value);
    });
  };
  set("before");
  parts.database.exec("PRAGMA query_only = ON");
  assert.throws(() => set("never"), hasCode("COMMIT_FAILED"));
  parts.database.exec("PRAGMA query_only = OFF");
  assert.equal(
    vault.read((tx) => tx.settings.get("a")),
    "before",
  );
  set("after");
});

test("a used one-time prekey is gone with the commit that used it, and using it again is told", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  using closing = vault;
  const keyId = keys.oneTime[1] ?? assert.fail();
  const path = join(folder.dataDir, `prekeys/otpk_${keyId}.enc`);
  assert.ok(existsSync(path));
  assert.equal(
    closing.transaction((tx) => tx.inventory.setState(keyId, "ended", NOW)),
    true,
  );
  assert.equal(existsSync(path), false);
  assert.equal(
    closing.transaction((tx) => tx.inventory.setState(keyId, "ended", NOW)),
    false,
  );
  const entry = closing.read((tx) => tx.inventory.get(keyId));
  assert.deepEqual([entry?.state, entry?.endedAt, entry?.statement], ["ended", NOW, undefined]);
  assert.equal(readFileSync(join(folder.dataDir, "metadata.json"), "utf8").includes(keyId), false);
});

test("new prekeys: staged, committed, placed; a receipt in between does not touch what is only staged", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  const fresh = [stagePrekey(vault.files, "one-time-prekey"), stagePrekey(vault.files, "one-time-prekey")];
  vault.transaction((tx) => tx.inventory.setState(keys.oneTime[0] ?? assert.fail(), "ended", NOW));
  for (const keyId of fresh) assert.ok(existsSync(join(folder.dataDir, `prekeys/otpk_${keyId}.enc.${keyId}.1.new`)));
  vault.transaction((tx) => {
    for (const keyId of fresh) tx.inventory.put(prekeyEntry("one-time-prekey", keyId));
  });
  for (const keyId of fresh) {
    assert.ok(existsSync(join(folder.dataDir, `prekeys/otpk_${keyId}.enc`)));
    vault.files.load("one-time-prekey", keyId).dispose();
  }
  vault.close();
  using again = await reopen(folder.dataDir);
  assert.equal(
    again.read((tx) => tx.inventory.countOneTime()),
    4,
  );
  assert.deepEqual(again.findings, []);
});

test("a new signed prekey takes the name, the retired one keeps its key under its own", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  const fresh = stagePrekey(vault.files, "signed-prekey");
  vault.transaction((tx) => {
    tx.inventory.setState(keys.signedPrekey, "retired", NOW);
    tx.inventory.put(prekeyEntry("signed-prekey", fresh));
  });
  assert.ok(existsSync(join(folder.dataDir, `prekeys/signed_prekey.${keys.signedPrekey}.enc`)));
  for (const keyId of [fresh, keys.signedPrekey]) vault.files.load("signed-prekey", keyId).dispose();
  vault.close();
  using again = await reopen(folder.dataDir);
  for (const keyId of [fresh, keys.signedPrekey]) again.files.load("signed-prekey", keyId).dispose();
  again.transaction((tx) => tx.inventory.setState(keys.signedPrekey, "ended", NOW));
  assert.equal(existsSync(join(folder.dataDir, `prekeys/signed_prekey.${keys.signedPrekey}.enc`)), false);
});

test("a rotation: the next identity key becomes the current one, a staged one the next, the old one ends", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  const following = toHex(crypto.randomBytes(8)) as KeyId;
  using secret = crypto.randomSecret(32);
  vault.files.stage("next-identity", following, secret);
  const entry = { keyId: following, kind: "identity", role: "next", algorithm: 1, publicKey: new Uint8Array(32), createdAt: NOW } as const;
  vault.transaction((tx) => {
    tx.inventory.put({ ...entry, state: "staged", backend: "software", protection: "software" });
  });
  const stagedFile = join(folder.dataDir, `identity.next.key.enc.${following}.1.new`);
  assert.ok(existsSync(stagedFile), "a key that is not in force yet stays staged");
  vault.transaction((tx) => {
    tx.inventory.setState(keys.identity, "ended", NOW);
    tx.inventory.promote(keys.next, undefined);
    tx.inventory.setState(following, "live", NOW);
  });
  assert.equal(existsSync(stagedFile), false);
  vault.close();
  using again = await reopen(folder.dataDir);
  assert.equal(
    again.read((tx) => tx.inventory.live("identity")?.keyId),
    keys.next,
  );
  for (const keyId of [keys.next, following]) again.files.load("identity", keyId).dispose();
  assert.throws(() => again.files.load("identity", keys.identity), hasCode("KEY_FILE_MISSING"));
});

test("what was staged and never committed is removed at close", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  stagePrekey(vault.files, "one-time-prekey");
  stagePrekey(vault.files, "signed-prekey");
  assert.equal(listModes(folder.dataDir).filter((line) => line.endsWith(".new")).length, 2);
  vault.close();
  assert.deepEqual(
    listModes(folder.dataDir).filter((line) => line.endsWith(".new")),
    [],
  );
});

test("creating starts anew where an attempt never came to its commit", async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.dataDir, "prekeys"), { recursive: true, mode: 0o700 });
  for (const name of [
    "state.db",
    "lock",
    "identity.key.enc.0123456789abcdef.1.new",
    "prekeys/otpk_0123456789abcdef.enc.0123456789abcdef.1.new",
  ]) {
    writeFileSync(join(folder.dataDir, name), "", { mode: 0o600 });
  }
  await makeClosedVault(folder.dataDir);
  assert.deepEqual(
    listModes(folder.dataDir).filter((line) => line.includes("0123456789abcdef")),
    [],
  );
  (await reopen(folder.dataDir)).close();
});

test("a creation that fails at its commit leaves no agent, and no key file", async () => {
  using folder = temporaryFolder();
  await assert.rejects(
    createParts({
      dataDir: folder.dataDir,
      name: "alice",
      unlock: password(),
      crypto,
      now: NOW,
      kdf: FLOOR_KDF,
      build: async (files) => {
        const { keys, write } = await stageKeys(files, 2);
        // The same one again: a rule of the schema is broken inside the commit.
        return { agentId: agent(), write: (tx) => [write(tx), tx.inventory.put(prekeyEntry("one-time-prekey", keys.signedPrekey))] };
      },
    }),
    hasCode("INTERNAL"),
  );
  assert.equal(Vault.exists(folder.dataDir), false);
  assert.deepEqual(
    listModes(folder.dataDir).filter((line) => line.includes("key") && !line.endsWith("/")),
    [],
  );
  await makeClosedVault(folder.dataDir);
});

test("files that cannot follow a commit just now keep nobody from working, and follow later", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  const obstacle = join(folder.dataDir, "metadata.json.new");
  mkdirSync(obstacle, { mode: 0o700 });
  const fresh = stagePrekey(vault.files, "one-time-prekey");
  vault.transaction((tx) => {
    tx.inventory.put(prekeyEntry("one-time-prekey", fresh));
  });
  vault.files.load("one-time-prekey", fresh).dispose();
  vault.close();

  using again = await reopen(folder.dataDir);
  assert.deepEqual(
    again.findings.map(({ code }) => code),
    ["STORAGE_FAILED"],
  );
  for (const keyId of [fresh, ...keys.oneTime]) again.files.load("one-time-prekey", keyId).dispose();
  assert.equal(readFileSync(join(folder.dataDir, "metadata.json"), "utf8").includes(fresh), false);
  rmSync(obstacle, { recursive: true });
  again.transaction((tx) => {
    tx.settings.set("any", "change");
  });
  assert.equal(readFileSync(join(folder.dataDir, "metadata.json"), "utf8").includes(fresh), true);
});

test("failure 30: a key that was committed is not dropped at close because it could not be placed", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const fresh = [stagePrekey(vault.files, "one-time-prekey"), stagePrekey(vault.files, "one-time-prekey")];
  const never = stagePrekey(vault.files, "one-time-prekey");
  const commit = (): void => {
    vault.transaction((tx) => {
      for (const keyId of fresh) tx.inventory.put(prekeyEntry("one-time-prekey", keyId));
    });
  };
  // As when the process has no file handle left.
  otherwise({ readdirSync: refuses("EMFILE") }, commit);
  vault.close();
  const files = listModes(folder.dataDir).join();
  for (const keyId of fresh) assert.ok(files.includes(`otpk_${keyId}.enc.${keyId}.1.new`));
  assert.equal(files.includes(never), false);
  using again = await reopen(folder.dataDir);
  for (const keyId of fresh) again.files.load("one-time-prekey", keyId).dispose();
  assert.deepEqual(
    again.findings.map(({ code }) => code),
    ["METADATA_REWRITTEN"],
  );
});

test("failure 30: the keys of a new vault are not dropped at close because they could not be placed", async () => {
  using folder = temporaryFolder();
  const { readdirSync } = fs;
  const build = async (
    files: Parameters<typeof stageKeys>[0],
  ): Promise<{ agentId: ReturnType<typeof agent>; write: Awaited<ReturnType<typeof stageKeys>>["write"] }> => {
    const { write } = await stageKeys(files, 2);
    Object.assign(fs, { readdirSync: refuses("EMFILE") });
    syncBuiltinESMExports();
    return { agentId: agent(), write };
  };
  try {
    (await Vault.create({ dataDir: folder.dataDir, name: "alice", unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF, build })).close();
  } finally {
    Object.assign(fs, { readdirSync });
    syncBuiltinESMExports();
  }
  using vault = await reopen(folder.dataDir);
  for (const { kind, keyId } of vault.read((tx) => tx.inventory.list())) vault.files.load(kind, keyId).dispose();
});

test("a closed vault does nothing any more, and closing again is harmless", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  vault.close();
  vault.close();
  assert.throws(() => vault.transaction(() => 1), hasCode("CLIENT_CLOSED"));
  assert.throws(() => vault.read(() => 1), hasCode("CLIENT_CLOSED"));
  assert.throws(() => vault.files.load("identity", "0123456789abcdef" as KeyId));
});

test("metadata.json: public, complete, written anew where it was edited or is missing", async () => {
  using folder = temporaryFolder();
  const keys = await makeClosedVault(folder.dataDir, { oneTimePrekeys: 1 });
  const path = join(folder.dataDir, "metadata.json");
  const original = readFileSync(path);
  const metadata = JSON.parse(decodeUtf8(original));
  assert.equal(metadata.format, 1);
  assert.equal(metadata.agentId, toHex(agent()));
  assert.equal(metadata.name, "alice");
  assert.equal(metadata.slots.length, 1);
  assert.deepEqual(
    new Set(metadata.keys.map((key: { id: string }) => key.id)),
    new Set([keys.identity, keys.next, keys.encryption, keys.signedPrekey, ...keys.oneTime]),
  );
  for (const damage of [() => rmSync(path), () => writeFileSync(path, original.toString().replace("alice", "mallory"))]) {
    damage();
    using vault = await reopen(folder.dataDir);
    assert.equal(vault.name, "alice");
    assert.deepEqual(
      vault.findings.map(({ code }) => code),
      ["METADATA_REWRITTEN"],
    );
    assert.deepEqual(ofGeneration(readFileSync(path), 1), original);
  }
});

/** What it says but for when it was written. */
function ofGeneration(metadata: Buffer, generation: number): Buffer {
  return Buffer.from(metadata.toString().replace(/"generation": [0-9]+,/, `"generation": ${generation},`));
}

test("failure 54: metadata.json holds nothing that opening needs: deleted, emptied, or with foreign slots, it is only written anew", async () => {
  using folder = temporaryFolder();
  using elsewhere = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  await makeClosedVault(elsewhere.dataDir, { agentName: "mallory", unlock: password("another password") });
  const path = join(folder.dataDir, "metadata.json");
  const original = readFileSync(path);
  const foreign = JSON.parse(readFileSync(join(elsewhere.dataDir, "metadata.json"), "utf8"));
  const edited = (changes: object): string => JSON.stringify({ ...JSON.parse(original.toString()), ...changes });
  for (const content of [undefined, "", edited({ slots: [] }), edited({ slots: foreign.slots }), JSON.stringify(foreign)]) {
    rmSync(path);
    if (content !== undefined) makeFile(path, content);
    await assert.rejects(reopen(folder.dataDir, "another password"), hasCode("WRONG_PASSWORD"));
    using vault = await reopen(folder.dataDir);
    assert.deepEqual(vault.agentId, agent());
    assert.deepEqual(
      vault.findings.map(({ code }) => code),
      ["METADATA_REWRITTEN"],
    );
    assert.deepEqual(ofGeneration(readFileSync(path), 1), original);
  }
});

test("a newer format is refused with its name", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  const vault = new Vault(parts);
  parts.database.exec("PRAGMA user_version = 3");
  vault.close();
  await assert.rejects(reopen(folder.dataDir), hasCode("UNSUPPORTED_VERSION"));
});

test("an opening may take a higher generation, in the commit that is made for it, and none that is not higher", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const { generation } = vault;
  assert.throws(
    () =>
      vault.transactionAt(generation + 5, () => {
        throw new RangeError("changed my mind");
      }),
    RangeError,
  );
  assert.equal(vault.generation, generation);
  vault.transactionAt(generation + 5, (tx) => tx.settings.set("taken", "yes"));
  assert.equal(vault.generation, generation + 5);
  vault.transaction((tx) => tx.settings.set("taken", "still"));
  for (const not of [generation + 5, generation, Number.MAX_SAFE_INTEGER + 1, 1.5]) {
    assert.throws(() => vault.transactionAt(not, () => undefined), hasCode("INTERNAL"), `${not}`);
  }
  vault.close();
  using again = await reopen(folder.dataDir);
  assert.equal(again.generation, generation + 6);
});
