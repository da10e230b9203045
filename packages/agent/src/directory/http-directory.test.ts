/** The client against a real directory: how a log moves, and what a refusal says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chainWith, isTalosError, verifyLog, type Certificate, type IdentityLog } from "@talos/core";
import { DirectoryUser, TestDirectory } from "@talos/testkit";
import { Directories } from "./directories.ts";
import { DirectoryRefusal } from "./directory.ts";
import { HttpDirectory } from "./http-directory.ts";

/** Speaks in the name of a user. */
function clientOf(user: DirectoryUser, url: string = user.directory.url): HttpDirectory {
  const { crypto, directory } = user;
  return new HttpDirectory({
    url,
    crypto,
    clock: { now: () => directory.now },
    instance: () => ({
      agentId: user.id,
      seq: user.log.head.seq,
      generation: user.generation,
      sign: (bytes) => user.instanceKey.sign(bytes),
    }),
  });
}

/** The directories of a user, whose certificate is always one under its newest head. */
function directoriesOf(user: DirectoryUser): Directories {
  let newest: Certificate | undefined;
  const options = {
    open: (url: string) => clientOf(user, url),
    get log(): IdentityLog {
      return user.log;
    },
    certificate: async (): Promise<Certificate> => {
      if (newest?.head.seq !== user.log.head.seq) newest = user.certificate();
      return newest;
    },
    hear: () => false,
    doubted: () => {},
    requireActive: () => {},
  };
  return new Directories(options);
}

test("what is known of a log is completed, by what follows or, after a recovery, by all of it", async () => {
  await using directory = await TestDirectory.start();
  const owner = await DirectoryUser.register(directory);
  const client = clientOf(owner);
  const thief = owner.thief();
  const inception = owner.log;
  await thief.rotate();
  await thief.rotate();
  const { log: seen } = thief;
  const later = await client.resolve(owner.id, inception.head);
  assert.deepEqual(later.log, seen.events.slice(1));
  assert.deepEqual(verifyLog(inception, chainWith(inception, later.log, owner.crypto), 0, owner.crypto, owner.id).log.head, seen.head);
  assert.deepEqual((await client.resolve(owner.id, seen.head)).log, []);

  await owner.rotate({ authority: "recovery", reason: "compromise", after: 0 });
  const whole = await client.resolve(owner.id, seen.head);
  assert.deepEqual([whole.log, whole.certificate], [owner.log.events, undefined]);
  const verdict = verifyLog(seen, chainWith(seen, whole.log, owner.crypto), 0, owner.crypto, owner.id);
  assert.deepEqual([verdict.kind, verdict.log.head], ["replaced", owner.log.head]);
  assert.deepEqual((await client.resolve(owner.id)).log, owner.log.events);
  client.close();
});

test("a refusal that is about the log brings its head", async () => {
  await using directory = await TestDirectory.start();
  const owner = await DirectoryUser.register(directory);
  const thief = owner.thief();
  const contender = owner.identity.stolen().rotate({ time: directory.now });
  const old = owner.certificate();
  await owner.rotate({ reason: "compromise" });
  const client = clientOf(thief);
  const refusedWith = async (code: string, request: Promise<unknown>): Promise<void> => {
    const { head } = owner.log;
    await assert.rejects(request, (error) => error instanceof DirectoryRefusal && error.code === code && error.head?.seq === head.seq);
  };
  await refusedWith("IDENTITY_MOVED", client.publishEvents(owner.id, [contender]));
  await refusedWith("CERTIFICATE_VOID", client.registerCertificate(owner.id, old.wire));
  await assert.rejects(client.fetch({ waitSeconds: 0, limit: 1 }), (error) => isTalosError(error, "CERTIFICATE_UNKNOWN"));
  await owner.revoke();
  await refusedWith("AGENT_REVOKED", client.fetch({ waitSeconds: 0, limit: 1 }));
  await refusedWith("AGENT_REVOKED", client.registerCertificate(owner.id, old.wire));
  client.close();
});

test("a log of more than a hundred events is published in parts", async () => {
  await using directory = await TestDirectory.start({ limits: { eventsPerDay: 300 } });
  const user = new DirectoryUser(directory);
  for (let i = 0; i < 200; i++) user.identity.rotate({ time: directory.now });
  const client = clientOf(user);
  assert.deepEqual(await client.publishEvents(user.id, user.log.events), user.log.head);
  assert.deepEqual(await client.publishEvents(user.id, user.log.events.slice(0, 100)), user.log.head);
  assert.deepEqual((await client.resolve(user.id)).log, user.log.events);
  client.close();
});

test("a directory that has not heard of an event gets it before the certificate under it", async () => {
  await using directory = await TestDirectory.start();
  const [user, peer] = [new DirectoryUser(directory), await DirectoryUser.register(directory)];
  const directories = directoriesOf(user);
  const deposit = (): Promise<unknown> =>
    directories.call(directory.url, (there) => there.deposit(peer.id, "event", user.log.events.at(-1) as Uint8Array));
  await deposit();
  // Rotated elsewhere, twice, and once for compromise: what is registered here is behind, then dropped.
  for (const reason of ["planned", "compromise"] as const) {
    user.identity.rotate({ time: directory.now });
    user.identity.rotate({ time: directory.now, reason });
    await deposit();
    const { log, certificate } = await directories.ask(directory.url, (there) => there.resolve(user.id));
    assert.deepEqual(log, user.log.events);
    assert.notEqual(certificate, undefined);
  }
  const thief = user.identity.stolen();
  user.identity.rotate({ time: directory.now });
  const there = clientOf(peer);
  await there.publishEvents(user.id, [thief.rotate({ time: directory.now })]);
  await assert.rejects(deposit(), (error) => isTalosError(error, "IDENTITY_MOVED"));
  there.close();
  directories.close();
});
