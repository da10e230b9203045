import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyId } from "@talos/core";
import type { KeyPlace } from "./layout.ts";
import { type Placement, planPlacement, type SeenFile } from "./placement.ts";
import type { StoredKeyKind } from "./store/inventory.ts";

const A = "000000000000000a" as KeyId;
const B = "000000000000000b" as KeyId;
const C = "000000000000000c" as KeyId;

function file(name: string, kind: StoredKeyKind, keyId: KeyId): SeenFile {
  return { name, header: { kind, keyId, vaultKeyNumber: 1 } };
}

function named(name: string): SeenFile {
  return { name, header: "not-read" };
}

function plan(files: readonly SeenFile[], places: readonly KeyPlace[], ended: readonly KeyId[] = []): Placement {
  return planPlacement(files, { places, vaultKeyNumber: 1, hasEnded: (keyId) => ended.includes(keyId) });
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
  assert.deepEqual(codes(swapped), [[B, "KEY_FILE_SWAPPED"]]);
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
