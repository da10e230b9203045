import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyId } from "@talos/core";
import type { KeyPlace } from "./layout.ts";
import { type Placement, planPlacement, type SeenFile } from "./placement.ts";
import type { StoredKeyKind } from "../store/inventory.ts";

const A = "000000000000000a" as KeyId;
const B = "000000000000000b" as KeyId;
const C = "000000000000000c" as KeyId;

function file(name: string, kind: StoredKeyKind, keyId: KeyId, vaultKeyNumber = 1): SeenFile {
  return { name, header: { kind, keyId, vaultKeyNumber } };
}

function named(name: string): SeenFile {
  return { name, header: "not-read" };
}

function plan(files: readonly SeenFile[], places: readonly KeyPlace[], ended: readonly KeyId[] = [], vaultKeyNumber = 1): Placement {
  return planPlacement(files, { places, vaultKeyNumber, hasEnded: (keyId) => ended.includes(keyId) });
}

const codes = ({ findings }: Placement): unknown[] => findings.map(({ keyId, code }) => [keyId, code]);
const moves = (placement: Placement): unknown[] => placement.moves.map(({ from, to }) => [from, to]);

const CURRENT: KeyPlace = { kind: "identity", role: "current", state: "live", keyId: A };
const NEXT: KeyPlace = { kind: "identity", role: "next", state: "live", keyId: B };

test("files in their places need nothing", () => {
  const placement = plan([file("identity.key.enc", "identity", A), file("identity.next.key.enc", "identity", B)], [CURRENT, NEXT]);
  assert.deepEqual(
    [...placement.locations],
    [
      [A, "identity.key.enc"],
      [B, "identity.next.key.enc"],
    ],
  );
  assert.deepEqual([placement.moves, placement.clear, placement.quarantine, placement.findings], [[], [], [], []]);
});

test("a committed staged file is placed, one that no inventory names is cleared", () => {
  const placement = plan(
    [named(`identity.key.enc.${A}.1.new`), named(`prekeys/otpk_${C}.enc.${C}.1.new`), named(`identity.key.enc.${A}.2.new`)],
    [CURRENT],
  );
  assert.deepEqual(moves(placement), [[`identity.key.enc.${A}.1.new`, "identity.key.enc"]]);
  assert.deepEqual(placement.clear, [`prekeys/otpk_${C}.enc.${C}.1.new`, `identity.key.enc.${A}.2.new`]);
  assert.deepEqual(placement.findings, []);
});

test("a key that is staged in the inventory stays under its staged name", () => {
  const placement = plan([named(`identity.next.key.enc.${B}.1.new`)], [{ ...NEXT, state: "staged" }]);
  assert.deepEqual([...placement.locations], [[B, `identity.next.key.enc.${B}.1.new`]]);
  assert.deepEqual([placement.moves, placement.clear, placement.findings], [[], [], []]);
});

test("a rotation is finished from wherever it stopped", () => {
  const places: KeyPlace[] = [
    { ...CURRENT, keyId: B },
    { ...NEXT, keyId: C },
  ];
  const stagedC = named(`identity.next.key.enc.${C}.1.new`);
  const committed = plan([file("identity.key.enc", "identity", A), file("identity.next.key.enc", "identity", B), stagedC], places, [A]);
  assert.deepEqual(moves(committed), [
    ["identity.next.key.enc", "identity.key.enc"],
    [stagedC.name, "identity.next.key.enc"],
  ]);
  assert.deepEqual(committed.clear, ["identity.key.enc"]);
  const oneMoved = plan([file("identity.key.enc", "identity", B), stagedC], places, [A]);
  assert.deepEqual(moves(oneMoved), [[stagedC.name, "identity.next.key.enc"]]);
  for (const placement of [committed, oneMoved]) assert.deepEqual(placement.findings, []);
});

test("a retired key makes room for its successor", () => {
  const placement = plan(
    [file("encryption.key.enc", "encryption", A), named(`encryption.key.enc.${B}.1.new`)],
    [
      { kind: "encryption", state: "live", keyId: B },
      { kind: "encryption", state: "retired", keyId: A },
    ],
  );
  assert.deepEqual(
    new Set(moves(placement).map(String)),
    new Set([`encryption.key.enc,encryption.${A}.key.enc`, `encryption.key.enc.${B}.1.new,encryption.key.enc`]),
  );
  assert.deepEqual(placement.findings, []);
});

test("what was never a key's name is a swap, and is not mended by moving", () => {
  const swapped = plan([file("identity.key.enc", "identity", B), file("identity.next.key.enc", "identity", A)], [CURRENT, NEXT]);
  assert.deepEqual(codes(swapped), [
    [undefined, "KEY_FILE_SWAPPED"],
    [B, "KEY_FILE_SWAPPED"],
  ]);
  const otherKind = plan(
    [file("identity.key.enc", "encryption", C), file("encryption.key.enc", "identity", A)],
    [CURRENT, { kind: "encryption", state: "live", keyId: C }],
  );
  assert.deepEqual(codes(otherKind), [
    [A, "KEY_FILE_SWAPPED"],
    [C, "KEY_FILE_SWAPPED"],
  ]);
  const foreign = plan([file("identity.key.enc", "identity", C)], [CURRENT]);
  assert.deepEqual(codes(foreign), [[A, "KEY_FILE_SWAPPED"]]);
  for (const placement of [otherKind, foreign]) assert.deepEqual([placement.moves, placement.clear, placement.quarantine], [[], [], []]);
});

test("a stranger under the final name of a prekey that is only staged does not take its place", () => {
  const staged = `prekeys/otpk_${C}.enc.${C}.1.new`;
  const placement = plan([named(`prekeys/otpk_${C}.enc`), named(staged)], [{ kind: "one-time-prekey", state: "live", keyId: C }]);
  assert.deepEqual([...placement.locations], [[C, staged]]);
  assert.deepEqual([placement.moves, placement.clear, placement.quarantine], [[], [], []]);
  assert.deepEqual(codes(placement), [[C, "KEY_FILE_SWAPPED"]]);
});

test("a staged file whose key has been placed is cleared", () => {
  const staged = named(`identity.key.enc.${A}.1.new`);
  assert.deepEqual(plan([file("identity.key.enc", "identity", A), staged], [CURRENT]).clear, [staged.name]);
});

test("damaged and missing files are told apart", () => {
  assert.deepEqual(codes(plan([{ name: "identity.key.enc", header: "unreadable" }], [CURRENT])), [[A, "KEY_FILE_CORRUPT"]]);
  assert.deepEqual(codes(plan([], [CURRENT])), [[A, "KEY_FILE_MISSING"]]);
  assert.deepEqual(codes(plan([], [{ kind: "one-time-prekey", state: "live", keyId: C }])), [[C, "KEY_FILE_MISSING"]]);
});

test("final names that nobody wants go to quarantine, ended keys are cleared", () => {
  const placement = plan(
    [
      named(`prekeys/otpk_${A}.enc`),
      named(`prekeys/otpk_${B}.enc`),
      { name: "identity.next.key.enc", header: "unreadable" },
      file("encryption.key.enc", "encryption", C),
    ],
    [],
    [A, C],
  );
  assert.deepEqual(placement.clear, [`prekeys/otpk_${A}.enc`, "encryption.key.enc"]);
  assert.deepEqual(placement.quarantine, [`prekeys/otpk_${B}.enc`, "identity.next.key.enc"]);
});

test("a damaged file under the name of an ended key is not taken for it", () => {
  const placement = plan([{ name: `encryption.${A}.key.enc`, header: "unreadable" }], [], [A]);
  assert.deepEqual([placement.clear, placement.quarantine], [[], [`encryption.${A}.key.enc`]]);
});

test("a staged successor does not take the name of the key that is still in force", () => {
  const staged = named(`identity.next.key.enc.${C}.1.new`);
  const placement = plan([file("identity.next.key.enc", "identity", B), staged], [NEXT, { ...NEXT, keyId: C, state: "staged" }]);
  assert.deepEqual(
    [...placement.locations],
    [
      [B, "identity.next.key.enc"],
      [C, staged.name],
    ],
  );
  assert.deepEqual([placement.moves, placement.clear, placement.quarantine, placement.findings], [[], [], [], []]);
});

test("a staged key under a final name did not come there by us", () => {
  const placement = plan([file("identity.next.key.enc", "identity", B)], [{ ...NEXT, state: "staged" }]);
  assert.deepEqual(codes(placement), [[B, "KEY_FILE_SWAPPED"]]);
  assert.deepEqual([placement.moves, placement.clear, placement.quarantine], [[], [], []]);
});

test("what is no key file is none of our business", () => {
  const placement = plan([{ name: "metadata.json", header: "unreadable" }], [], [A]);
  assert.deepEqual([placement.moves, placement.clear, placement.quarantine, placement.findings], [[], [], [], []]);
});

test("a retired key is found under the name it had, and moved away from it, also where no successor came", () => {
  for (const [place, before, after] of [
    [{ kind: "encryption", state: "retired", keyId: A }, "encryption.key.enc", `encryption.${A}.key.enc`],
    [{ kind: "signed-prekey", state: "retired", keyId: A }, "prekeys/signed_prekey.enc", `prekeys/signed_prekey.${A}.enc`],
    [{ kind: "identity", role: "current", state: "retired", keyId: A }, "identity.key.enc", `identity.${A}.key.enc`],
  ] as const) {
    const placement = plan([file(before, place.kind, A)], [place]);
    assert.deepEqual([...placement.locations], [[A, before]]);
    assert.deepEqual(moves(placement), [[before, after]]);
    assert.deepEqual([placement.clear, placement.quarantine, placement.findings], [[], [], []]);
  }
});

test("a copy that stayed under the former name is put aside, or in the way of the key that should be there", () => {
  const retired: KeyPlace = { kind: "encryption", state: "retired", keyId: A };
  const files = [file("encryption.key.enc", "encryption", A), file(`encryption.${A}.key.enc`, "encryption", A)];
  const alone = plan(files, [retired]);
  assert.deepEqual([...alone.locations], [[A, `encryption.${A}.key.enc`]]);
  assert.deepEqual([alone.moves, alone.quarantine, alone.findings], [[], ["encryption.key.enc"], []]);
  const inTheWay = plan(files, [retired, { kind: "encryption", state: "live", keyId: B }]);
  assert.deepEqual(codes(inTheWay), [[B, "KEY_FILE_SWAPPED"]]);
  assert.deepEqual([inTheWay.moves, inTheWay.clear, inTheWay.quarantine], [[], [], []]);
});

test("a key under a name that was never its own: a copy is put aside, the only one stays where it is", () => {
  const elsewhere = file(`encryption.${C}.key.enc`, "identity", A);
  const copy = plan([elsewhere, file("identity.key.enc", "identity", A)], [CURRENT]);
  assert.deepEqual([...copy.locations], [[A, "identity.key.enc"]]);
  assert.deepEqual([copy.moves, copy.clear, copy.quarantine, copy.findings], [[], [], [elsewhere.name], []]);
  const only = plan([elsewhere], [CURRENT]);
  assert.deepEqual(codes(only), [[A, "KEY_FILE_SWAPPED"]]);
  assert.deepEqual([[...only.locations], only.moves, only.clear, only.quarantine], [[], [], [], []]);
  const retired = plan([file("encryption.key.enc", "signed-prekey", A)], [{ kind: "signed-prekey", state: "retired", keyId: A }]);
  assert.deepEqual(codes(retired), [[A, "KEY_FILE_SWAPPED"]]);
});

test("a copy of one key in the place of another stays there, and the other is named", () => {
  const placement = plan([file("identity.key.enc", "identity", B), file("identity.next.key.enc", "identity", B)], [CURRENT, NEXT]);
  assert.deepEqual(moves(placement), []);
  assert.deepEqual(codes(placement), [[A, "KEY_FILE_SWAPPED"]]);
  const otherKind = plan(
    [file("encryption.key.enc", "identity", B), file("identity.next.key.enc", "identity", B)],
    [NEXT, { kind: "encryption", state: "live", keyId: C }],
  );
  assert.deepEqual(codes(otherKind), [[C, "KEY_FILE_SWAPPED"]]);
  assert.deepEqual([otherKind.moves, otherKind.clear, otherKind.quarantine], [[], [], []]);
});

test("what is lost is said in full", () => {
  const lost = (files: readonly SeenFile[]): unknown => plan(files, [CURRENT]).findings;
  const finding = { file: "identity.key.enc", keyId: A, kind: "identity" };
  assert.deepEqual(lost([]), [{ ...finding, code: "KEY_FILE_MISSING", reason: "missing", message: "identity.key.enc is missing." }]);
  assert.deepEqual(lost([{ name: "identity.key.enc", header: "unreadable" }]), [
    { ...finding, code: "KEY_FILE_CORRUPT", reason: "damaged", message: "identity.key.enc is damaged." },
  ]);
  assert.deepEqual(lost([file("identity.key.enc", "identity", C)]), [
    {
      ...finding,
      code: "KEY_FILE_SWAPPED",
      reason: "foreign key",
      message: "identity.key.enc holds a key that is none of this agent's.",
    },
  ]);
  const swapped = plan([file("identity.key.enc", "identity", B), file("identity.next.key.enc", "identity", A)], [CURRENT, NEXT]);
  assert.deepEqual(
    swapped.findings.map((one) => [one.file, one.keyId, one.reason, one.message.includes("in the way")]),
    [
      ["identity.key.enc", undefined, "another key", true],
      ["identity.next.key.enc", B, "another key", false],
    ],
  );
  const former = plan([file("identity.key.enc", "identity", C)], [CURRENT], [C]);
  assert.deepEqual(
    former.findings.map(({ code, reason, message }) => [code, reason, message]),
    [["KEY_FILE_SWAPPED", "former key", "identity.key.enc holds a former key that has ended."]],
  );
});

test("failure 51: a file under a former vault key makes room for the one under the present key, under whatever name it lies", () => {
  const retired: KeyPlace = { kind: "signed-prekey", state: "retired", keyId: A };
  const live: KeyPlace = { kind: "signed-prekey", state: "live", keyId: B };
  const oneTime: KeyPlace = { kind: "one-time-prekey", state: "live", keyId: C };
  const placement = plan(
    [
      file("prekeys/signed_prekey.enc", "signed-prekey", A, 1),
      named(`prekeys/signed_prekey.enc.${A}.2.new`),
      named(`prekeys/signed_prekey.enc.${B}.2.new`),
      file(`prekeys/otpk_${C}.enc`, "one-time-prekey", C, 1),
      named(`prekeys/otpk_${C}.enc.${C}.2.new`),
    ],
    [retired, live, oneTime],
    [],
    2,
  );
  assert.deepEqual(moves(placement), [
    [`prekeys/signed_prekey.enc.${A}.2.new`, `prekeys/signed_prekey.${A}.enc`],
    [`prekeys/signed_prekey.enc.${B}.2.new`, "prekeys/signed_prekey.enc"],
    [`prekeys/otpk_${C}.enc.${C}.2.new`, `prekeys/otpk_${C}.enc`],
  ]);
  assert.deepEqual(placement.clear, ["prekeys/signed_prekey.enc", `prekeys/otpk_${C}.enc`]);
  assert.deepEqual([...placement.replaces], [1]);
  assert.deepEqual([placement.quarantine, placement.findings], [[], []]);
});

test("a file under a former vault key is not touched where nothing takes its place, nor one under a later key", () => {
  const former = plan([file("identity.key.enc", "identity", A, 1)], [CURRENT], [], 2);
  const later = plan([file("identity.key.enc", "identity", A, 3), named(`identity.key.enc.${A}.2.new`)], [CURRENT], [], 2);
  const otherKind = plan([file("identity.key.enc", "encryption", A, 1), named(`identity.key.enc.${A}.2.new`)], [CURRENT], [], 2);
  assert.deepEqual([...former.locations.values()], ["identity.key.enc"]);
  assert.deepEqual([former.moves, former.clear, [...former.replaces]], [[], [], []]);
  assert.deepEqual([...later.replaces, ...otherKind.replaces], []);
  assert.equal(later.clear.includes("identity.key.enc"), false);
  assert.equal(otherKind.clear.includes("identity.key.enc"), false);
});
