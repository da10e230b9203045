/** What was ever brought to the directory of a world, whatever was answered. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeCertificate, fromBase64Url, toHex } from "@talos/core";
import { CERTIFICATES_FILE, EVENTS_FILE, type SentCertificate, type SentEvents } from "./directory-orders.ts";
import type { World } from "./world.ts";

/** Of the agent, in order. */
export function sentCertificates(world: World): ReturnType<typeof decodeCertificate>[] {
  return readLines<SentCertificate>(join(world.directory, CERTIFICATES_FILE))
    .filter(({ agent }) => agent === world.facts.did)
    .map(({ certificate }) => decodeCertificate(fromBase64Url(certificate)));
}

/** Of the agent, in hexadecimal. */
export function sentEvents(world: World): Set<string> {
  const uploads = readLines<SentEvents>(join(world.directory, EVENTS_FILE)).filter(({ agent }) => agent === world.facts.did);
  return new Set(uploads.flatMap(({ events }) => events.map((event) => toHex(fromBase64Url(event)))));
}

function readLines<T>(path: string): T[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as T);
}
