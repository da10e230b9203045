import assert from "node:assert/strict";
import { test } from "node:test";
import { carryCertificate, certificateAnswered } from "./carried-certificate.ts";

const FIRST = new Uint8Array(32).fill(1);
const SECOND = new Uint8Array(32).fill(2);

test("a certificate carried from the start of a chain has arrived once that chain is answered", () => {
  const carried = carryCertificate(carryCertificate(undefined, FIRST, 0), FIRST, 1);
  assert.equal(carried.state, "whole");
  assert.equal(certificateAnswered(carried)?.state, "arrived");
  assert.equal(carryCertificate(certificateAnswered(carried), FIRST, 0).state, "arrived");
});

test("one that came up in the middle of a chain is carried through the next one too", () => {
  const before = certificateAnswered(carryCertificate(undefined, FIRST, 0));
  const renewed = carryCertificate(before, SECOND, 3);
  assert.equal(renewed.state, "part");
  const answered = certificateAnswered(renewed);
  assert.equal(answered?.state, "part");
  assert.equal(carryCertificate(answered, SECOND, 0).state, "whole");
  assert.equal(carryCertificate(renewed, SECOND, 4).state, "part");
});

test("nothing was carried, nothing has arrived", () => {
  assert.equal(certificateAnswered(undefined), undefined);
});
