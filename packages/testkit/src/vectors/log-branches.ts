// Vectors of what a verifier that knows one chain concludes from another: which branch stands.
import { fromHex, nodeCrypto, toHex, verifyLog, type LogVerdict } from "@talos/core";
import { inceptionOf, recovered, revoked, rotated, type Branch } from "./branch.ts";
import { signerOf, STORY_START } from "./cast.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

export const branchVectors: VectorSet = {
  structure: "identity-log-branches",
  specification: "identity.md, Which branch stands",
  cases: branchCases,
  read: readBranches,
};

const bytesOfList = (json: Json): Uint8Array[] => (json as readonly string[]).map(fromHex);

function readBranches(wire: Json, context: Json): Reading {
  const known = verifyLog(undefined, bytesOfList(field(context ?? {}, "known")), STORY_START, nodeCrypto).log;
  const verdict = verifyLog(known, bytesOfList(wire), STORY_START, nodeCrypto);
  const { kind, log } = verdict;
  return { fields: toJson({ verdict: kind, head: log.head, revoked: log.revoked, ...evidenceOf(verdict) }) };
}

function evidenceOf(verdict: LogVerdict): object {
  if (verdict.kind === "replaced") return { cutOff: verdict.cutOff.length };
  if (verdict.kind === "forked" || verdict.kind === "refused") return { contender: verdict.contender, standing: verdict.standing };
  return {};
}

function branchCases(): VectorCase[] {
  const start = inceptionOf("alice");
  const one = rotated(start, "alice first");
  const two = rotated(one, "alice second");
  const theft = rotated(start, "theft");
  const theft2 = rotated(theft, "theft more");
  const saved = recovered(start, "alice saved");
  const late = recovered(two, "alice late");
  const ended = revoked(one, "online");
  const final = revoked(one, "recovery");
  const judged = (name: string, description: string, known: Branch, heard: Branch): VectorCase => {
    const context = { known: known.wires.map(toHex) };
    const wire = heard.wires.map(toHex);
    return { name, description, context, wire, ...readBranches(wire, context) };
  };
  const refused = (name: string, description: string, known: Branch, heard: Pick<Branch, "wires">, error = "LOG_INVALID"): VectorCase => ({
    name,
    description,
    context: { known: known.wires.map(toHex) },
    wire: heard.wires.map(toHex),
    error,
  });
  return [
    judged("same", "The same chain.", one, one),
    judged("longer", "Two events more.", start, two),
    judged("longer-by-recovery", "A recovery event after the head cuts off nothing.", two, late),
    refused("shorter", "A chain that ends before the known head.", two, one),
    refused("nothing", "No event.", one, { wires: [] }),
    refused("another-agent", "Another agent's log.", one, inceptionOf("bob")),
    refused(
      "longer-but-forged",
      "A forged event at the end.",
      one,
      rotated(two, "x", { signers: { 1: signerOf("mallory") } }),
      "SIGNATURE_INVALID",
    ),
    judged("recovery-cuts-off", "The owner's recovery event falls behind what the thief made.", theft2, saved),
    judged("recovery-cuts-off-own", "Some events of the owner's fall away as well.", two, recovered(one, "alice saved 2")),
    judged(
      "recovery-on-the-other-branch",
      "The owner's last event is not known here, his recovery event follows it.",
      theft2,
      recovered(two, "alice saved 3"),
    ),
    judged(
      "recovery-after-recovery",
      "The next recovery key cuts off what stood after the first recovery event.",
      rotated(saved, "theft again"),
      recovered(saved, "alice saved again"),
    ),
    judged("cut-off-comes-late", "The thief's branch, at a verifier that has the recovery event.", saved, theft2),
    judged("older-fork-comes-late", "A fork before what a recovery event has made final.", late, theft2),
    judged("fork", "Two online events after one.", one, theft2),
    judged("fork-seen-the-other-way", "The same with the other one first.", theft2, one),
    judged("fork-of-recovery", "Two recovery events after one.", saved, recovered(start, "alice other")),
    judged("recovery-key-revealed-twice", "Two recovery events by one recovery key, the second after an older event.", late, saved),
    judged("recovery-key-revealed-twice-later", "The second after a newer event.", saved, late),
    judged(
      "recovery-behind-final",
      "A recovery event by a key that was spent long ago.",
      recovered(saved, "alice saved again"),
      recovered(theft, "alice other"),
    ),
    judged("revoked-by-thief", "The owner's recovery event cuts off a revocation by the online key.", ended, recovered(one, "alice back")),
    judged("revoked-against-rotation", "A revocation and a rotation, both online: a fork.", ended, two),
    refused("recovery-after-revocation", "A recovery event that follows the revocation itself.", ended, recovered(ended, "alice back")),
    judged("revoked-for-good", "Nothing cuts off a revocation by the recovery key.", final, recovered(one, "alice back")),
    judged("revoked-for-good-against-online", "An online event beside it.", final, two),
    judged("revocation-cuts-off", "A revocation by the recovery key cuts off as a rotation does.", theft2, revoked(start, "recovery")),
    ...kitlessCases(judged),
  ];
}

function kitlessCases(judged: (name: string, description: string, known: Branch, heard: Branch) => VectorCase): VectorCase[] {
  const start = inceptionOf("dora", { kit: false });
  const owner = rotated(start, "dora kit", { kit: signerOf("dora recovery") });
  const theft = rotated(start, "theft kit", { kit: signerOf("theft recovery") });
  const theirs = recovered(theft, "theft saved");
  const ours = recovered(owner, "dora saved");
  return [
    judged("kit-of-the-contender", "Both branches add a recovery commitment; the second one's decides nothing.", owner, theirs),
    judged("kit-of-both", "Both branches have recovered, each with its own: neither decides.", ours, theirs),
    judged("kit-of-the-standing", "The standing branch's own recovery event decides nothing either.", ours, rotated(start, "theft late")),
    judged("kit-shared", "Branches that part after the commitment was added.", rotated(owner, "theft on"), ours),
  ];
}
