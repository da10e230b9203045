import assert from "node:assert/strict";
import { test } from "node:test";
import { talosError } from "@talos/core";
import { hasCode, intercepting, TEST_PASSWORD, until, type DirectoryHooks } from "@talos/testkit";
import { DirectoryRefusal } from "../../directory/directory.ts";
import type { Environment } from "../../environment.ts";
import { openIn, takeoverIn, type TalosClient } from "../../talos-client.ts";
import { lostMachine, type LostMachine } from "./recover-fixture.test.ts";

interface Away {
  readonly environment: Environment;
  isAway: boolean;
}

function awayFor(environment: Environment): Away {
  const away: Away = {
    environment: intercepting(environment, {
      resolve: (answer) => {
        if (away.isAway) throw talosError("DIRECTORY_UNREACHABLE");
        return answer;
      },
    }),
    isAway: true,
  };
  return away;
}

/** Its owner has given up on the first machine, and recovered on another one. */
async function second(lost: LostMachine): Promise<TalosClient> {
  const client = await lost.recover({ dataDir: lost.world.dataDir("second") });
  assert.equal(client.held, false);
  await client.flush();
  return client;
}

test("failure 34: a recovered agent that waited for its directory gives way to a copy that began to live meanwhile, until a person decides otherwise", async () => {
  await using lost = await lostMachine();
  const away = awayFor(lost.world.environment);
  const first = await lost.recover({}, away.environment);
  assert.equal(first.held, true);
  const living = await second(lost);
  away.isAway = false;
  await until(() => first.superseded, "it learns of the other copy");
  assert.deepEqual([first.held, first.status().superseded, first.status().held], [false, true, undefined]);
  await assert.rejects(first.sign("test", "no"), hasCode("INSTANCE_SUPERSEDED"));
  await living.flush();
  await living.rotateSignedPrekey();
  assert.equal(living.superseded, false);
  await first.close();

  const options = { dataDir: lost.dataDir, password: TEST_PASSWORD };
  const again = await openIn(lost.world.environment, options);
  assert.equal(again.superseded, true);
  await again.close();
  await using decided = await takeoverIn(lost.world.environment, options);
  await decided.sign("test", "yes");
  await until(() => living.superseded, "the other one hears of it");
});

test("a person's takeover of one that is held still stands above a copy that began to live meanwhile, and so does one more recovery", async () => {
  await using lost = await lostMachine();
  const { environment } = awayFor(lost.world.environment);
  await (await lost.recover({}, environment)).close();
  const living = await second(lost);
  await using decided = await takeoverIn(lost.world.environment, { dataDir: lost.dataDir, password: TEST_PASSWORD });
  assert.deepEqual([decided.held, decided.superseded], [false, false]);
  await decided.sign("test", "yes");
  await until(() => living.superseded, "the second hears of it");
  const third = await lost.recover({ dataDir: lost.world.dataDir("third") });
  assert.deepEqual([third.held, third.superseded], [false, false]);
  await until(() => decided.superseded, "and the first of the third");
});

test("a clock that was ahead makes no older copy of one that was recovered later", async () => {
  await using lost = await lostMachine();
  const { clock } = lost.world.environment;
  const ahead: Environment["clock"] = {
    now: () => clock.now() + 3_600_000,
    sleep: async (milliseconds, signal) => await clock.sleep(milliseconds, signal),
  };
  const away = awayFor({ ...lost.world.environment, clock: ahead });
  const first = await lost.recover({}, away.environment);
  const living = await second(lost);
  away.isAway = false;
  await until(() => first.superseded || !first.held, "it has asked");
  assert.deepEqual([first.superseded, living.superseded], [true, false]);
});

for (const code of ["BACKUP_OUTDATED", "AGENT_REVOKED", "IDENTITY_MOVED"] as const) {
  test(`a directory that says ${code} without a log to show for it keeps nobody held for good`, async () => {
    await using lost = await lostMachine();
    let lies = true;
    const hooks: DirectoryHooks = {
      resolve: (answer) => {
        if (lies) throw new DirectoryRefusal(code, lost.world.url);
        return answer;
      },
    };
    const held = await lost.recover({}, intercepting(lost.world.environment, hooks));
    await until(() => held.status().held?.reason !== undefined, "it is named");
    assert.equal(held.status().held?.reason, "DIRECTORY_MISBEHAVED");
    lies = false;
    await until(() => !held.held, "it goes on");
    await held.sign("test", "yes");
  });
}
