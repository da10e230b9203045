/**
 * A signature of some agent judged: from a log that is given, from a directory, or from what this agent knows of the signer, with its own
 * record of what it saw valid before. Knows how to find logs; what a signature is worth then is core's to say.
 */
import {
  agentIdToDid,
  checkNamespace,
  checkSignedMessage,
  decodeSignatureProof,
  equalBytes,
  judgeSignature,
  parseAddress,
  proofFromText,
  talosError,
  toHex,
  verifyLog,
  type Address,
  type Crypto,
  type IdentityLog,
  type SignatureGround,
  type SignatureProof,
  type SignatureVerdict,
  type UserSignature,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import { parseDirectoryUrl, urlOfAuthority } from "../directory/directory-url.ts";
import { logAt } from "../directory/log-at.ts";
import type { Environment } from "../environment.ts";
import { isFresh } from "../messaging/known-peer.ts";
import { directoriesOf, lookUpPeer } from "../messaging/peer-lookup.ts";
import { check, isBoolean, isText, type Check, type Checks } from "../options.ts";
import type { ReadTransaction } from "../vault/index.ts";
import { messageBytes } from "./make-signature.ts";
import { readSignature } from "./prove-signature.ts";

export interface CheckSignatureOptions {
  /** Its bytes, or base64url text. */
  readonly signature: string | Uint8Array;
  /** The verifier's own: one that was made for another purpose does not count. */
  readonly namespace: string;
  /** Text as UTF-8. */
  readonly message: string | Uint8Array;
  /** Who has to have signed: a DID, optionally with `@host[:port]`. Without it, read `signer` in the result. */
  readonly signer?: string;
  /** That it was on record when its key ended: its bytes, or base64url text. */
  readonly proof?: string | Uint8Array;
}

export interface VerifySignatureOptions extends CheckSignatureOptions {
  /** Take the signer's log as it is known here and ask no directory. Default false. */
  readonly offline?: boolean;
}

export interface VerifyAloneOptions extends CheckSignatureOptions {
  /** The signer's log, inception first. */
  readonly log?: readonly Uint8Array[];
  /** Events that a recovery event cut off, where somebody has them. */
  readonly cutOff?: readonly Uint8Array[];
  /** URL of a directory that has the signer's log. */
  readonly directory?: string;
}

export interface SignatureCheck {
  /** `valid` and `valid-then-retired` are good; nothing else is. */
  readonly verdict: SignatureVerdict;
  /** Why. */
  readonly ground: SignatureGround;
  /** DID. */
  readonly signer: string;
  readonly namespace: string;
  /** SHA-256 of the message, in hexadecimal. */
  readonly digest: string;
  /** Of the event whose key made it. */
  readonly seq: number;
  /** Of the newest event of the log by which it was judged, and where that came from. */
  readonly logSeq: number;
  readonly logFrom: "given" | "directory" | "known";
  /** When this agent first found it valid by a fresh log, and wrote that down, milliseconds since 1970. */
  readonly seenAt?: number;
}

interface Given {
  readonly signature: UserSignature;
  readonly proof: SignatureProof | undefined;
  readonly signer: Address | undefined;
}

interface Known {
  readonly log: IdentityLog;
  readonly cutOff: readonly Uint8Array[];
  readonly seenAt?: number | undefined;
  readonly forkedFrom?: number | undefined;
}

const isBytes: Check = (value) => value instanceof Uint8Array;
const isTextOrBytes: Check = (value) => isText(value) || isBytes(value);
const isEvents: Check = (value) => Array.isArray(value) && value.every(isBytes);
const COMMON: Checks<CheckSignatureOptions> = {
  signature: isTextOrBytes,
  namespace: isText,
  message: (value) => typeof value === "string" || isBytes(value),
  signer: isText,
  proof: isTextOrBytes,
};

/**
 * By a log that is given or a directory that has it; knows no record of earlier times.
 *
 * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; SIGNATURE_INVALID: not by that key, or of another message, namespace or signer;
 *   MALFORMED and others of what is none; LOG_INVALID; as `Directory`
 */
export async function verifyAlone(environment: Environment, options: VerifyAloneOptions): Promise<SignatureCheck> {
  const checked = check<VerifyAloneOptions>(options, { ...COMMON, log: isEvents, cutOff: isEvents, directory: isText });
  const { crypto } = environment;
  const given = readGiven(checked, crypto);
  if ((checked.log === undefined) === (sourceOf(checked, given) === undefined)) {
    throw talosError("INVALID_ARGUMENT", "The signer's log comes from exactly one place: log, directory, or a signer with @host.", {
      details: { option: "log" },
    });
  }
  const url = sourceOf(checked, given);
  const events = checked.log ?? (await logAt(environment, url ?? "", given.signature.agentId));
  const { log } = verifyLog(undefined, events, environment.clock.now(), crypto, given.signature.agentId);
  return judged(given, { log, cutOff: checked.cutOff ?? [] }, checked.log === undefined ? "directory" : "given", crypto);
}

/** By what a vault knows of the signer; reads only. @throws TalosError as `verifyAlone`; PEER_UNKNOWN */
export function verifyByRecord(
  tx: ReadTransaction,
  own: UserSignature["agentId"],
  options: CheckSignatureOptions,
  crypto: Crypto,
): SignatureCheck {
  const given = readGiven(check<CheckSignatureOptions>(options, COMMON), crypto);
  const { agentId } = given.signature;
  const events = equalBytes(agentId, own) ? tx.log.events().map(({ wire }) => wire) : tx.peers.events(agentId);
  if (events.length === 0) throw talosError("PEER_UNKNOWN");
  const { log } = verifyLog(undefined, events, 0, crypto, agentId);
  return judged(given, { log, ...recordOf(tx, given) }, "known", crypto);
}

/**
 * By the newest log of the signer that can be had, and by this agent's own record, which it keeps on with what is valid now by a log that is
 * fresh: a signature of after the key's end must not get on record because nobody could be asked.
 *
 * @throws TalosError as `verifyAlone`; PEER_UNKNOWN where nobody knows the signer; COMMIT_FAILED, CLIENT_CLOSED
 */
export async function verifyAndRemember(context: AgentContext, options: VerifySignatureOptions): Promise<SignatureCheck> {
  const { offline = false, ...common } = check<VerifySignatureOptions>(options, { ...COMMON, offline: isBoolean });
  const { crypto, vault, commits, clock, policy } = context;
  const given = readGiven(common, crypto);
  const { agentId, hash, head } = given.signature;
  const isOwn = equalBytes(agentId, context.log.agentId);
  const isFetched = !offline && !isOwn && (await refreshed(context, given));
  const peer = isOwn ? undefined : vault.read((tx) => context.peers.get(tx, agentId));
  const log = isOwn ? context.log : peer?.log;
  if (log === undefined) throw talosError("PEER_UNKNOWN");
  const known = { log, ...vault.read((tx) => recordOf(tx, given)) };
  const result = judged(given, known, isFetched ? "directory" : "known", crypto);
  if (result.verdict !== "valid" || known.seenAt !== undefined) return result;
  const seenAt = clock.now();
  if (!isFetched && peer !== undefined && !isFresh(peer, policy.maxHeadAgeDays, seenAt)) return result;
  commits.now((tx) => tx.seenSignatures.note({ hash, agentId, headSeq: head.seq, seenAt }));
  return { ...result, seenAt };
}

/** @returns whether a directory has answered; where one did not, what is known decides */
async function refreshed(context: AgentContext, given: Given): Promise<boolean> {
  const { agentId } = given.signature;
  const known = context.vault.read((tx) => context.peers.get(tx, agentId));
  const named = given.signer?.directory;
  const urls = directoriesOf(context, known, named === undefined ? undefined : urlOfAuthority(named, context.directories.known()));
  if (urls.length === 0) return false;
  try {
    await lookUpPeer(context, agentId, urls);
    return true;
  } catch (error) {
    if (known === undefined) throw error;
    return false;
  }
}

function recordOf(tx: ReadTransaction, { signature }: Given): Omit<Known, "log"> {
  return {
    cutOff: tx.cutOff.list(signature.agentId).map(({ wire }) => wire),
    seenAt: tx.seenSignatures.seenAt(signature.hash),
    forkedFrom: tx.peerForks.undecided(signature.agentId)[0]?.seq,
  };
}

function readGiven(options: CheckSignatureOptions, crypto: Crypto): Given {
  for (const name of ["signature", "namespace", "message"] as const) {
    if (options[name] === undefined) throw talosError("INVALID_ARGUMENT", `The option ${name} is needed.`, { details: { option: name } });
  }
  const signature = readSignature(options.signature, crypto);
  checkSignedMessage(signature, checkNamespace(options.namespace), messageBytes(options.message), crypto);
  const signer = options.signer === undefined ? undefined : readSigner(options.signer);
  if (signer !== undefined && !equalBytes(signer.agentId, signature.agentId)) {
    throw talosError("SIGNATURE_INVALID", "The signature is another agent's.", { details: { reason: "other-agent" } });
  }
  return { signature, proof: readProof(options.proof), signer };
}

function readSigner(text: string): Address {
  try {
    return parseAddress(text);
  } catch (cause) {
    throw talosError("INVALID_ARGUMENT", "A signer is a DID of the form did:talos:z..., optionally followed by @host[:port].", {
      details: { option: "signer" },
      cause,
    });
  }
}

function readProof(given: string | Uint8Array | undefined): SignatureProof | undefined {
  if (given === undefined) return undefined;
  return typeof given === "string" ? proofFromText(given) : decodeSignatureProof(given);
}

function sourceOf({ directory }: VerifyAloneOptions, { signer }: Given): string | undefined {
  if (directory !== undefined) return parseDirectoryUrl(directory);
  return signer?.directory === undefined ? undefined : urlOfAuthority(signer.directory, []);
}

function judged(given: Given, known: Known, logFrom: SignatureCheck["logFrom"], crypto: Crypto): SignatureCheck {
  const { signature, proof } = given;
  const { log, cutOff, seenAt, forkedFrom } = known;
  const judgement = judgeSignature({ signature, log, cutOff, proof, seenBefore: seenAt !== undefined, forkedFrom }, crypto);
  const { agentId, namespace, digest, head } = signature;
  return {
    ...judgement,
    signer: agentIdToDid(agentId),
    namespace,
    digest: toHex(digest),
    seq: head.seq,
    logSeq: log.head.seq,
    logFrom,
    ...(seenAt === undefined ? {} : { seenAt }),
  };
}
