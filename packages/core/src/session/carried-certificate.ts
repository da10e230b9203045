// Whether the peer has this side's newest certificate: it is carried in every message until the peer is seen on a later chain than one
// whose every message carried it. Whichever message of that chain arrived, the certificate was in it.
// Source: docs/protocol/envelope.md, "Message signature".
import { equalBytes } from "../bytes/bytes.ts";

export interface CarriedCertificate {
  /** 32 bytes */
  readonly hash: Uint8Array;
  /** `part` and `whole` say how much of the current sending chain carries it; `arrived`: no need to any more. */
  readonly state: "part" | "whole" | "arrived";
}

/** The state after one more message of the sender, which is number `counter` of its chain. */
export function carryCertificate(carried: CarriedCertificate | undefined, hash: Uint8Array, counter: number): CarriedCertificate {
  const known = carried !== undefined && equalBytes(carried.hash, hash);
  if (known && (carried.state === "arrived" || counter > 0)) return carried;
  return { hash, state: counter === 0 ? "whole" : "part" };
}

/** The state once the peer has answered the current sending chain. */
export function certificateAnswered(carried: CarriedCertificate | undefined): CarriedCertificate | undefined {
  return carried?.state === "whole" ? { hash: carried.hash, state: "arrived" } : carried;
}
