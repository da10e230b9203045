import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, nodeCrypto } from "@talos/core";
import { someContent } from "../../backup/backup-fixture.test.ts";
import type { BackupPeer } from "../../backup/backup-content.ts";
import { FLOOR_KDF, password, temporaryFolder } from "../../vault/vault-fixture.test.ts";
import { HOME_DIRECTORY, Vault, type Peer } from "../../vault/index.ts";
import { FORMER_HOMES } from "../former-homes.ts";
import { clearHeld, markHeld } from "./held-recovery.ts";
import { everyPlace, keepFormerHome, keepPlaces, keptPlaces, placesOf, putBackPlaces, type Places } from "./places.ts";

const HOME = "https://home.example";
const BEFORE = "https://before.example";

function known(number: number, changes: Partial<Peer>): BackupPeer {
  using content = someContent();
  const [first] = content.peers;
  assert.ok(first !== undefined);
  const agentId = fromHex(number.toString(16).padStart(64, "0")) as Peer["agentId"];
  const peer = { ...first.peer, agentId, trust: "unverified", firstSeenAt: 1_000 + number, directory: urlOf(number), ...changes } as const;
  return { peer, events: [], forks: [], conflicts: [] };
}

function urlOf(number: number): string {
  return `https://peer-${number}.example`;
}

function places(peers: readonly BackupPeer[], given?: string, isFormerGone: boolean = false): Places {
  using content = someContent();
  const settings = new Map([
    [HOME_DIRECTORY, HOME],
    [FORMER_HOMES, JSON.stringify([{ url: BEFORE, until: 1 }, { url: "no url", until: 1 }, "nonsense"])],
  ]);
  return placesOf({ ...content, peers, settings }, given, isFormerGone);
}

test("all that may know are asked: the home that is named, those before however long ago, and directories of peers", () => {
  const all = places([known(1, {}), known(2, { directory: HOME }), known(3, { directory: "ftp://x" }), known(4, { directory: undefined })]);
  assert.deepEqual(everyPlace(all), [HOME, BEFORE, urlOf(1)]);
  const moved = places([known(1, {}), known(2, { directory: urlOf(1) })], "https://new.example", true);
  assert.deepEqual([moved.home, moved.named, moved.isFormerGone], ["https://new.example", HOME, true]);
  assert.deepEqual(everyPlace(moved), ["https://new.example", HOME, BEFORE, urlOf(1)]);
});

test("of peers' directories eight are asked, those of verified peers and of the longest known first, and none of a blocked one", () => {
  const crowd = Array.from({ length: 20 }, (_, index) => known(30 - index, {}));
  const peers = [...crowd, known(40, { trust: "verified" }), known(1, { trust: "blocked" }), known(2, { firstSeenAt: 5_000 })];
  const first = [40, 11, 12, 13, 14, 15, 16, 17].map(urlOf);
  assert.deepEqual(places(peers).peers, first);
  assert.deepEqual(places(peers.toReversed()).peers, first, "in whatever order they lie");
});

test("for an agent that is held they stand beside its mark, over years, and go with it", async () => {
  using folder = temporaryFolder();
  using content = someContent();
  using vault = await Vault.create({
    dataDir: folder.dataDir,
    name: "alice",
    unlock: password(),
    crypto: nodeCrypto,
    now: 1,
    kdf: FLOOR_KDF,
    build: async () => ({ agentId: content.agentId, generation: 1, write: () => undefined }),
  });
  const given = places([], "https://new.example", true);
  vault.transaction((tx) => {
    markHeld(tx, { way: "restored", since: 1, backupAt: 1 });
    keepPlaces(tx, given);
    tx.settings.set(FORMER_HOMES, JSON.stringify([{ url: "https://new.example", until: 1 }]));
  });
  const later = vault.read((tx) => keptPlaces(tx, "https://newer.example"));
  assert.deepEqual(everyPlace(later), ["https://newer.example", HOME, BEFORE, "https://new.example"]);
  assert.deepEqual([later.named, later.isFormerGone], [HOME, true]);
  // Peers, and homes since then, are in no public projection.
  const stored = vault.transaction((tx) => {
    keepPlaces(tx, { ...given, peers: [urlOf(1)] });
    keepFormerHome(tx, "https://new.example");
    tx.settings.set(FORMER_HOMES, undefined);
    return tx.settings.get("recovery-places");
  });
  const putBack = vault.transaction((tx) => {
    tx.settings.set(HOME_DIRECTORY, "https://newer.example");
    putBackPlaces(tx, stored, "https://new.example");
    return keptPlaces(tx, "https://newer.example");
  });
  assert.deepEqual(everyPlace(putBack), ["https://newer.example", HOME, "https://new.example", BEFORE, urlOf(1)]);
  assert.deepEqual([putBack.named, putBack.isFormerGone], [HOME, true]);
  vault.transaction((tx) => tx.settings.set(FORMER_HOMES, JSON.stringify([{ url: "https://new.example", until: 1 }])));
  vault.transaction(clearHeld);
  assert.deepEqual(everyPlace(vault.read((tx) => keptPlaces(tx, HOME))), [HOME, "https://new.example"]);
});
