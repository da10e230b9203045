// JSON bodies of the directory interface and its error body (directory.md): a table of shapes, and bytes shown as hex.
import { hex, LARGEST_INTEGER, utf8 } from "./bytes.ts";
import { demand } from "./refusal.ts";

/** A shape reads one JSON value and gives it back with its bytes in hex. */
export type Shape = (value: unknown, where: string) => unknown;

const bytesOf =
  (length?: number): Shape =>
  (value, where) => {
    demand(typeof value === "string" && /^[A-Za-z0-9_-]*$/u.test(value), `${where} is not base64url`);
    const bytes = Buffer.from(value, "base64url");
    demand(bytes.toString("base64url") === value, `${where} is not canonical base64url`);
    demand(length === undefined || bytes.length === length, `${where} has another length than ${length}`);
    return hex(bytes);
  };

const uint: Shape = (value, where) => {
  demand(
    typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= LARGEST_INTEGER,
    `${where} is not an unsigned integer`,
  );
  return value;
};

const text: Shape = (value, where) => {
  demand(typeof value === "string", `${where} is not text`);
  return value;
};

const exactly =
  (wanted: string | number): Shape =>
  (value, where) => {
    demand(value === wanted, `${where} is not ${wanted}`);
    return value;
  };

const orNull =
  (shape: Shape): Shape =>
  (value, where) =>
    value === null ? null : shape(value, where);

const listOf =
  (shape: Shape, most: number = Infinity): Shape =>
  (value, where) => {
    demand(Array.isArray(value) && value.length <= most, `${where} is not a list of at most ${most}`);
    return value.map((entry, index) => shape(entry, `${where}[${index}]`));
  };

const object =
  (fields: Readonly<Record<string, Shape>>, optional: readonly string[] = []): Shape =>
  (value, where) => {
    demand(typeof value === "object" && value !== null && !Array.isArray(value), `${where} is not an object`);
    const given = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(given)) demand(Object.hasOwn(fields, name), `${where}.${name} is unknown`);
    const read: Record<string, unknown> = {};
    for (const [name, shape] of Object.entries(fields)) {
      if (!Object.hasOwn(given, name) && optional.includes(name)) continue;
      demand(Object.hasOwn(given, name), `${where}.${name} is missing`);
      read[name] = shape(given[name], `${where}.${name}`);
    }
    return read;
  };

const blob = bytesOf();
const hash = bytesOf(32);
const head = object({ seq: uint, hash });
const placed = object({ statement: blob, index: uint, path: listOf(hash) });

export const BODIES = {
  status: object({ name: exactly("talos-directory"), version: exactly(1), time: uint }),
  agent: object({ log: listOf(blob), certificate: orNull(blob), time: uint }),
  "events-request": object({ events: listOf(blob, 100) }),
  "events-answer": object({ head }),
  "certificate-request": object({ certificate: blob }),
  "certificate-answer": object({ seq: uint, generation: uint }),
  "prekeys-request": object({ batch: blob, signedPrekey: blob, carried: listOf(bytesOf(8), 1000), added: listOf(blob, 1000) }),
  "prekeys-answer": object({ oneTimePrekeys: uint, root: hash }),
  "prekeys-state": object({ oneTimePrekeys: uint, root: orNull(hash), to: orNull(uint), claimed: listOf(bytesOf(8)) }),
  "claims-request": object({}),
  bundle: object({ log: listOf(blob), certificate: blob, batch: blob, signedPrekey: placed, oneTimePrekey: orNull(placed) }),
  "deposit-answer": object({ envelopeId: bytesOf(16), receivedAt: uint }),
  "acknowledgements-request": object({ envelopeIds: listOf(bytesOf(16), 256) }),
  "acknowledgements-answer": object({ acknowledged: uint }),
  error: object({ error: object({ code: text, message: text, hint: text, time: uint, certificate: blob, head }, ["certificate", "head"]) }),
} as const satisfies Readonly<Record<string, Shape>>;

export type BodyName = keyof typeof BODIES;

export function decodeBody(name: BodyName, bytes: Uint8Array): unknown {
  let value: unknown;
  const source = utf8(bytes);
  try {
    value = JSON.parse(source);
  } catch {
    return demand(false, "not JSON");
  }
  return BODIES[name](value, name);
}
