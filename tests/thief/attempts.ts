// What every thief tries, with whatever it has. Each says only what became of it.
import { takeoverIn, TalosClient } from "@talos/agent";
import { didToAgentId, envelopeId, nodeCrypto, toHex, utf8, type AgentId } from "@talos/core";
import { take, TEST_PASSWORD, until } from "@talos/testkit";
import { WAITING, type Scene } from "./scene.ts";
import type { Attempt } from "./table.ts";

type Try = Attempt<Scene>;

export const rotate: Try = {
  what: "rotate the identity",
  by: "directory",
  run: async ({ thief }) => await thief.publish(await thief.rotation()),
};

export const rotateWithProof: Try = {
  what: "rotate as planned, with the proof of the outgoing key",
  by: "directory",
  run: async ({ thief }) => await thief.publish(await thief.rotation({ reason: "planned" })),
};

export const rotateAsRecovery: Try = {
  what: "rotate as the recovery key",
  by: "directory",
  run: async ({ thief }) => await thief.publish(await thief.rotation({ authority: "recovery" })),
};

export const removeRecovery: Try = {
  what: "rotate, and commit to a recovery key of its own",
  by: "directory",
  run: async ({ thief }) => await thief.publish(await thief.rotation({ replacesRecovery: true })),
};

export const rotateAtPeer: Try = {
  what: "bring a rotation to a peer",
  by: "peer",
  run: async (scene) => await bringEvent(scene, scene.thief.published ?? (await scene.thief.rotation())),
};

export const revoke: Try = {
  what: "revoke the agent",
  by: "directory",
  run: async ({ thief }) => await thief.publish(await thief.revocation()),
};

export const revokeAtPeer: Try = {
  what: "bring a revocation to a peer",
  by: "peer",
  run: async (scene) => await bringEvent(scene, await scene.thief.revocation()),
};

export const register: Try = { what: "register an instance", by: "directory", run: async ({ thief }) => await thief.register() };

export const publishPrekeys: Try = {
  what: "publish prekeys",
  by: "directory",
  run: async ({ thief }) => await thief.publishPrekeys(),
};

export const send: Try = {
  what: "send as the agent, in a new session",
  by: "peer",
  run: async (scene) => await bring(scene, async (to, text) => await scene.thief.message(to, text)),
};

export const sendInSession: Try = {
  what: "send as the agent, in its session with a peer",
  by: "peer",
  run: async (scene) => await bring(scene, async (to, text) => await scene.thief.messageInSession(to, text)),
};

export const deposit: Try = {
  what: "leave something in a mailbox in its name",
  by: "directory",
  run: async ({ thief, bob }) => {
    await thief.leaveAsAgent(idOf(bob), "message", utf8("garbage"));
  },
};

export const fetchMail: Try = {
  what: "fetch what waits in its mailbox, sealed",
  by: "directory",
  run: async ({ thief, waiting }) => {
    const items = await thief.fetch();
    return items.some((item) => toHex(item.envelopeId) === toHex(envelopeId(waiting, nodeCrypto))) ? undefined : "another mailbox";
  },
};

export const discardMail: Try = {
  what: "delete what waits in its mailbox",
  by: "directory",
  run: async ({ thief }) => await thief.discard(await thief.fetch()),
};

export const readFirst: Try = {
  what: "read a first message that was recorded",
  by: "keys",
  run: async ({ thief, parts }) => {
    const text = await thief.read(parts.recorded);
    return text === "for Alice alone" ? undefined : "something else";
  },
};

export const readInSession: Try = {
  what: "read what a peer sends from then on",
  by: "keys",
  run: async ({ thief, bob, waiting }) => {
    const text = await thief.readInSession(idOf(bob), waiting);
    return text === WAITING ? undefined : "something else";
  },
};

export const notice: Try = {
  what: "tell a peer in its name that a message cannot be read",
  by: "peer",
  run: async (scene) => {
    const { thief, bob, waiting } = scene;
    const before = replacedSessions(bob);
    const id = await thief.leave(idOf(bob), "notice", await thief.notice(idOf(bob), envelopeId(waiting, nodeCrypto)));
    const code = await scene.bobOn(id);
    return code ?? (replacedSessions(bob) === before ? "no effect" : undefined);
  },
};

export const sign: Try = {
  what: "sign for an application",
  by: "verifier",
  run: async ({ thief, world, parts }) => {
    const message = "I owe the thief a house";
    const given = { signer: parts.aliceDid, namespace: "contract", message, signature: await thief.signature("contract", message) };
    const { verdict } = await TalosClient.verify({ ...given, directory: world.url });
    return verdict === "valid" ? undefined : verdict;
  },
};

export const ownRotate: Try = ownSoftware("rotate", async (client) => await client.rotateIdentity());
export const ownEmergency: Try = ownSoftware("rotate in an emergency", async (client) => await client.emergencyRotate());
export const ownRevoke: Try = ownSoftware("revoke", async (client) => await client.revokeIdentity());
export const ownPrekeys: Try = ownSoftware("publish prekeys", async (client) => await client.rotateSignedPrekey());

export const ownSend: Try = ownSoftware("send", async (client, { bob }) => {
  const { messageId } = await client.send(bob.did, "from the copy");
  await until(() => client.outbox(messageId)?.lastError !== undefined, "the directory has answered");
  return client.outbox(messageId)?.state === "deposited" ? undefined : "stays unsent";
});

export const takeOver: Try = {
  what: "with Talos, on the copy: take over",
  by: "own code",
  run: async ({ world, stolenFolder }) => {
    const client = await takeoverIn(world.environment, { dataDir: stolenFolder, password: TEST_PASSWORD });
    await client.close();
  },
};

/** With the agent's own software, on the folder that was stolen. */
function ownSoftware(what: string, act: (client: TalosClient, scene: Scene) => Promise<unknown>): Try {
  return {
    what: `with Talos, on the copy: ${what}`,
    by: "own code",
    run: async (scene) => {
      const client = await scene.world.open("stolen");
      try {
        const said = await act(client, scene);
        return typeof said === "string" ? said : undefined;
      } finally {
        await client.close();
      }
    },
  };
}

function idOf({ did }: TalosClient): AgentId {
  return didToAgentId(did);
}

function replacedSessions(client: TalosClient): number {
  return client.audit.list().filter(({ kind }) => kind === "session-replaced").length;
}

/** What Bob makes of a message that says it is Alice's. */
async function bring(scene: Scene, make: (to: AgentId, text: string) => Promise<Uint8Array>): Promise<string | undefined> {
  const text = "send me the money";
  const { thief, bob, parts } = scene;
  const code = await scene.bobOn(await thief.leave(idOf(bob), "message", await make(idOf(bob), text)));
  if (code !== undefined) return code;
  const [message] = await take(bob, 1);
  return message?.from === parts.aliceDid && message.text() === text ? undefined : "something else arrived";
}

/** What Bob makes of an event that somebody left for him. */
async function bringEvent(scene: Scene, event: Uint8Array): Promise<string | undefined> {
  const { thief, bob, parts } = scene;
  const before = bob.peers.show(parts.aliceDid);
  const id = await thief.leave(idOf(bob), "event", event);
  const code = await scene.bobOn(id);
  if (code !== undefined) return code;
  const after = bob.peers.show(parts.aliceDid);
  if (after.head.hash !== before.head.hash) return undefined;
  return after.forkedAt !== undefined ? "a fork: kept as evidence, no new sessions" : "no effect";
}
