/** What the directory's process is told, and how. */
import { request } from "node:http";

export const STORE_FILE = "store.db";
/** One line for each upload of events that came, whatever was answered. */
export const EVENTS_FILE = "events.jsonl";
/** Likewise for each certificate that came to be registered. */
export const CERTIFICATES_FILE = "certificates.jsonl";

/** Before the directory has it, or after it has answered. */
export type LossKind = "request" | "answer";

export type DirectoryOrder =
  /** Serve what is in that folder, from the same address as before. */
  | { readonly order: "begin"; readonly folder: string }
  /** Finish what is under way, close the database; nothing is served until the next `begin`. */
  | { readonly order: "end" }
  /** Of what is served, or was last. */
  | { readonly order: "copy"; readonly to: string }
  /** The connection of the n-th request from now on (from 1) breaks. Requests that only wait for mail are not counted. */
  | { readonly order: "lose"; readonly kind: LossKind; readonly at: number }
  /** Which requests came since `begin` or `lose`. */
  | { readonly order: "seen" };

export interface SentEvents {
  /** DID */
  readonly agent: string;
  /** Base64url. */
  readonly events: readonly string[];
}

export interface SentCertificate {
  /** DID */
  readonly agent: string;
  /** Base64url. */
  readonly certificate: string;
}

export async function tell<T>(controlPort: number, order: DirectoryOrder): Promise<T> {
  const text = await new Promise<string>((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port: controlPort, method: "POST", path: "/", agent: false }, (answer) => {
      let said = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => (said += part));
      answer.on("end", () => (answer.statusCode === 200 ? resolve(said) : reject(new Error(said))));
    });
    call.on("error", reject);
    call.end(JSON.stringify(order));
  });
  return JSON.parse(text) as T;
}
