import assert from "node:assert/strict";
import { test } from "node:test";
import { everyFormerHome } from "./former-homes.ts";

test("whoever made a backup does not decide how many are asked: of homes before there are six, and what is no home is none", () => {
  const homes = Array.from({ length: 5_000 }, (_, index) => ({ url: `http://127.0.0.1:${index + 1}`, until: 1 }));
  assert.deepEqual(
    everyFormerHome(JSON.stringify([{ url: 7 }, ...homes])),
    homes.slice(0, 6).map(({ url }) => url),
  );
  for (const none of [undefined, "", "[", "{}", "[null]"]) assert.deepEqual(everyFormerHome(none), []);
});
