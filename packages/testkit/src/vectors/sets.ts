// All vector files, and how a file is written.
import { addressVectors, keyVectors, seedVectors } from "./agent-id.ts";
import { auditEntryVectors, auditExportVectors } from "./audit.ts";
import { certificateVectors } from "./certificate.ts";
import { bodyVectors, errorVectors, pageVectors } from "./directory.ts";
import type { VectorFile, VectorSet } from "./format.ts";
import { handshakeVectors } from "./handshake.ts";
import { eventVectors } from "./identity-event.ts";
import { logVectors } from "./identity-log.ts";
import { branchVectors } from "./log-branches.ts";
import { recoveryKeyVectors, standingVectors } from "./log-standing.ts";
import { frameVectors } from "./frame.ts";
import { envelopeVectors } from "./envelope.ts";
import { messageSignatureVectors, proofVectors } from "./message-signature.ts";
import { noticeVectors } from "./notice.ts";
import { batchVectors, bundleVectors, statementVectors } from "./prekeys.ts";
import { ratchetHeaderVectors } from "./ratchet-header.ts";
import { ratchetVectors } from "./ratchet.ts";
import { sessionVectors } from "./session.ts";
import { requestVectors } from "./signed-requests.ts";
import { signatureProofVectors, userSignatureVectors } from "./user-signature.ts";

/** By file name without its ending. */
export const VECTOR_SETS: readonly VectorSet[] = [
  seedVectors,
  addressVectors,
  keyVectors,
  eventVectors,
  logVectors,
  branchVectors,
  standingVectors,
  recoveryKeyVectors,
  certificateVectors,
  statementVectors,
  batchVectors,
  bundleVectors,
  envelopeVectors,
  ratchetHeaderVectors,
  frameVectors,
  messageSignatureVectors,
  proofVectors,
  noticeVectors,
  pageVectors,
  bodyVectors,
  errorVectors,
  requestVectors,
  handshakeVectors,
  ratchetVectors,
  sessionVectors,
  auditEntryVectors,
  auditExportVectors,
  userSignatureVectors,
  signatureProofVectors,
];

/** `vectors/<structure>.json`, as text. The same in every run. */
export function vectorFileText(set: VectorSet): string {
  const file: VectorFile = { structure: set.structure, specification: set.specification, cases: set.cases() };
  return `${JSON.stringify(file, null, 2)}\n`;
}
