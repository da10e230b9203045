/**
 * A process that opens an agent, and says what that took: how often something sealed was opened, and its resident memory.
 * Told by its environment: SCALE_DATA_DIR, SCALE_PASSWORD.
 */
import { openIn, systemEnvironment } from "@talos/agent";
import { nodeCrypto, type Crypto } from "@talos/core";

export interface Opening {
  /** Sealed values, key files and rows alike. */
  readonly unsealed: number;
  readonly privateKeys: number;
  /** With the agent open, in bytes. */
  readonly residentBytes: number;
  readonly sessions: number;
  readonly oneTimePrekeys: number;
}

let unsealed = 0;
let privateKeys = 0;
const counting: Crypto = {
  ...nodeCrypto,
  aeadOpen: (...input) => {
    unsealed += 1;
    return nodeCrypto.aeadOpen(...input);
  },
  agreementKeyFromPrivate: (secret) => {
    privateKeys += 1;
    return nodeCrypto.agreementKeyFromPrivate(secret);
  },
  kemKeyFromSeed: (seed) => {
    privateKeys += 1;
    return nodeCrypto.kemKeyFromSeed(seed);
  },
};

const client = await openIn(
  { ...systemEnvironment, crypto: counting },
  { dataDir: process.env["SCALE_DATA_DIR"] ?? "", password: process.env["SCALE_PASSWORD"] ?? "" },
);
// What begins by itself behind the opening is a part of it.
await new Promise((resolve) => setTimeout(resolve, 500));
globalThis.gc?.();
const [residentBytes, counts] = [process.memoryUsage.rss(), { unsealed, privateKeys }];
const { sessions, oneTimePrekeys } = client.status();
const opening: Opening = { ...counts, residentBytes, sessions: sessions.length, oneTimePrekeys: oneTimePrekeys.live };
process.stdout.write(JSON.stringify(opening));
await client.close();
