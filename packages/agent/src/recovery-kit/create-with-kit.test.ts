import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type Crypto, isTalosError, nodeCrypto, SecretBytes } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { systemEnvironment, type Environment } from "../environment.ts";
import type { CreateOptions } from "../options.ts";
import { createIn, inspectIn, openIn, type TalosClient } from "../talos-client.ts";
import { FLOOR, folder, secret } from "./kit-fixture.test.ts";
import { openKit } from "./kit-file.ts";

const OWN = "river otter lamp quartz mole";
const KITS = "seven ladders under a brass moon";
const ENVIRONMENT: Environment = { ...systemEnvironment, kdf: FLOOR };

type Place = ReturnType<typeof folder>;

async function create(place: Place, options: Partial<CreateOptions> = {}, environment: Environment = ENVIRONMENT): Promise<TalosClient> {
  const recoveryKit = { path: place.path("kit.txt"), password: KITS };
  return await createIn(environment, "alice", { dataDir: place.path("data"), password: OWN, recoveryKit, ...options });
}

test("an agent made with a kit commits to its first key, and status says so", async () => {
  using place = folder();
  await using client = await create(place);
  assert.deepEqual(client.status().recovery, { kit: "present" });
  using kit = openKit(place.path("kit.txt"), secret(KITS), nodeCrypto);
  assert.equal(kit.agentName, "alice");
  assert.equal(client.did, /did:talos:z\w+/.exec(readFileSync(place.path("kit.txt"), "utf8"))?.[0]);
  assert.throws(() => openKit(place.path("kit.txt"), secret(OWN), nodeCrypto), hasCode("RECOVERY_KIT_WRONG_PASSWORD"));
  await using look = await inspectIn(ENVIRONMENT, { dataDir: place.path("data") });
  assert.deepEqual(look.status().recovery, { kit: "present" });
});

test("an agent made without a kit says that it has none", async () => {
  using place = folder();
  await using client = await createIn(ENVIRONMENT, "alice", { dataDir: place.path("data"), password: OWN });
  assert.deepEqual(client.status().recovery, { kit: "none" });
  assert.ok(!existsSync(place.path("kit.txt")));
});

test("opening an agent that is there makes no other kit", async () => {
  using place = folder();
  await (await create(place)).close();
  const before = readFileSync(place.path("kit.txt"));
  await using client = await create(place);
  assert.deepEqual(client.status().recovery, { kit: "present" });
  assert.deepEqual(readFileSync(place.path("kit.txt")), before);
});

test("a kit that could not be made makes no agent", async () => {
  using place = folder();
  writeFileSync(place.path("there"), "mine");
  mkdirSync(place.path("data"), { mode: 0o700 });
  const kit = (path: string, password: string = KITS): Partial<CreateOptions> => ({ recoveryKit: { path: place.path(path), password } });
  for (const [options, code] of [
    [kit("there"), "RECOVERY_KIT_EXISTS"],
    [kit("absent/kit.txt"), "FILE_NOT_FOUND"],
    [kit("data/kit.txt"), "INVALID_ARGUMENT"],
    [kit("kit.txt", OWN), "RECOVERY_KIT_PASSWORD_REUSED"],
    [kit("kit.txt", `${OWN}\r\n`), "RECOVERY_KIT_PASSWORD_REUSED"],
    [kit("kit.txt", "umbrella17"), "WEAK_PASSWORD"],
    [kit("kit.txt", ""), "PASSWORD_REQUIRED"],
  ] as const) {
    await assert.rejects(create(place, options), hasCode(code), code);
    await assert.rejects(openIn(ENVIRONMENT, { dataDir: place.path("data"), password: OWN }), hasCode("VAULT_NOT_FOUND"));
    assert.ok(!existsSync(place.path("kit.txt")));
  }
  await assert.rejects(create(place, kit("kit.txt", "umbrella17")), /The recovery kit's password is too weak/);
});

test("where the commit fails the kit stays, the error says so, and the next attempt does not take it over", async () => {
  using place = folder();
  // After the kit was made the vault key is drawn, and that fails.
  const failing: Crypto = {
    ...nodeCrypto,
    randomSecret: (length) => {
      if (existsSync(place.path("kit.txt"))) throw Object.assign(new Error("no randomness"), { code: "EIO" });
      return nodeCrypto.randomSecret(length);
    },
  };
  await assert.rejects(create(place, {}, { ...ENVIRONMENT, crypto: failing }));
  assert.ok(existsSync(place.path("kit.txt")));
  const before = readFileSync(place.path("kit.txt"));
  await assert.rejects(create(place), (error) => {
    assert.ok(isTalosError(error, "RECOVERY_KIT_EXISTS"));
    assert.equal(error.details["path"], place.path("kit.txt"));
    return true;
  });
  assert.deepEqual(readFileSync(place.path("kit.txt")), before);
});

test("a named error after the kit was written names the kit", async () => {
  using place = folder();
  const failing: Crypto = {
    ...nodeCrypto,
    argon2id: (password, salt, parameters) => {
      // The vault's own slot is stretched last.
      if (password.equals(SecretBytes.fromUtf8(OWN))) nodeCrypto.deriveKey(password, salt, 0);
      return nodeCrypto.argon2id(password, salt, parameters);
    },
  };
  await assert.rejects(create(place, {}, { ...ENVIRONMENT, crypto: failing }), (error) => {
    assert.ok(isTalosError(error, "INVALID_ARGUMENT"));
    assert.ok(error.hint.includes(place.path("kit.txt")));
    assert.equal(error.details["recoveryKit"], place.path("kit.txt"));
    return true;
  });
});
