import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { systemEnvironment, type Environment } from "../environment.ts";
import { createIn, inspectIn, type TalosClient } from "../talos-client.ts";
import { checkKitIn } from "./check-kit.ts";
import { FACTS, FLOOR, folder, secret, someAgent } from "./kit-fixture.test.ts";
import { makeKit, openKit } from "./kit-file.ts";
import { recordCheck, recordCreated, recoveryStatus } from "./kit-status.ts";
import { makeVault, NOW, temporaryFolder } from "../vault/vault-fixture.test.ts";

const OWN = "river otter lamp quartz mole";
const KITS = "seven ladders under a brass moon";
const ENVIRONMENT: Environment = { ...systemEnvironment, kdf: FLOOR };

type Place = ReturnType<typeof folder>;

async function create(place: Place, name: string = "alice"): Promise<TalosClient> {
  const recoveryKit = { path: place.path(`${name}.kit`), password: KITS };
  return await createIn(ENVIRONMENT, name, { dataDir: place.path(name), password: OWN, recoveryKit });
}

test("a kit is proven against the log, and status says when, until there is another", async () => {
  using place = folder();
  const made = await create(place);
  const { did } = made;
  await made.close();
  const recoveryKit = { path: place.path("alice.kit"), password: KITS };
  const check = await checkKitIn(ENVIRONMENT, { dataDir: place.path("alice"), password: OWN, recoveryKit });
  assert.deepEqual([check.did, check.agentName, check.keyIndex, check.recorded], [did, "alice", 0, true]);
  await using look = await inspectIn(ENVIRONMENT, { dataDir: place.path("alice") });
  assert.deepEqual(look.status().recovery, { kit: "present", lastCheckedAt: check.checkedAt });
});

test("beside a running agent, and without what opens it, a kit is proven and nothing is recorded", async () => {
  using place = folder();
  await using client = await create(place);
  const recoveryKit = { path: place.path("alice.kit"), password: KITS };
  for (const unlock of [{ password: OWN }, {}]) {
    const check = await checkKitIn(ENVIRONMENT, { dataDir: place.path("alice"), ...unlock, recoveryKit });
    assert.deepEqual([check.recorded, check.keyIndex], [false, 0]);
  }
  assert.deepEqual(client.status().recovery, { kit: "present" });
});

test("a kit that is not the one in force is told from another agent's and from a wrong password", async () => {
  using place = folder();
  const alice = await create(place);
  const bob = await create(place, "bob");
  await Promise.all([alice.close(), bob.close()]);
  const check = async (kit: string, password: string = KITS): Promise<unknown> =>
    await checkKitIn(ENVIRONMENT, { dataDir: place.path("alice"), recoveryKit: { path: place.path(kit), password } });
  await assert.rejects(check("bob.kit"), hasCode("RECOVERY_KIT_FOREIGN"));
  await assert.rejects(check("alice.kit", "another"), hasCode("RECOVERY_KIT_WRONG_PASSWORD"));
  await assert.rejects(check("absent.kit"), hasCode("FILE_NOT_FOUND"));
  using own = openKit(place.path("alice.kit"), secret(KITS), nodeCrypto);
  const seed = nodeCrypto.randomSecret(32);
  makeKit({ ...own, path: place.path("other.kit"), seed, password: secret(KITS), kdf: FLOOR, crypto: nodeCrypto });
  await assert.rejects(check("other.kit"), hasCode("RECOVERY_KIT_NOT_IN_FORCE"));
  assert.notDeepEqual(own.agentId, someAgent(FACTS.agentName));
});

test("what is recorded: when, and which key; making another kit begins anew", async () => {
  using place = temporaryFolder();
  using vault = (await makeVault(place.dataDir)).vault;
  vault.transaction((tx) => recordCheck(tx, 2, NOW + 5));
  vault.transaction((tx) => recordCreated(tx, NOW + 6));
  const entries = vault.read((tx) => tx.audit.list()).slice(-2);
  assert.deepEqual(
    entries.map(({ kind, at, details }) => [kind, at, details]),
    [
      ["recovery-kit-checked", NOW + 5, { index: 2 }],
      ["recovery-kit-created", NOW + 6, { index: 0 }],
    ],
  );
  // No event at all is no commitment.
  assert.deepEqual(vault.read(recoveryStatus), { kit: "none" });
});
