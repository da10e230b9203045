/**
 * A recovery kit as text: the seed sealed under a password, with all that is clear bound into the seal. Touches no file and no log.
 */
import { type AgentId, AEAD_KEY_BYTES, type Crypto, equalBytes, isTalosError, type SecretBytes, talosError, utf8 } from "@talos/core";
import { openCommitted, wrapCommitted, type WrapLabels } from "../vault/slots/committed-wrap.ts";
import { checkKdfParameters, type KdfParameters } from "../vault/slots/kdf-bounds.ts";
import { armour, unarmour } from "./armour.ts";
import { type ClearFields, damagedKit, decodeKit, encodeClear, encodeKit, KIT_SALT_BYTES, type KitFacts } from "./kit-record.ts";
import { KIT_TITLE, kitPreamble } from "./kit-words.ts";

const TEXT_LABEL: Uint8Array = utf8("talos/v1/recovery-kit/text\u0000");
const LABELS: WrapLabels = {
  key: utf8("talos/v1/recovery-kit/key\u0000"),
  commitment: utf8("talos/v1/recovery-kit/commitment\u0000"),
  wrap: utf8("talos/v1/recovery-kit/seal\u0000"),
};

/** Disposing it wipes the seed. */
export interface OpenedKit extends KitFacts, Disposable {
  /** 32 bytes */
  readonly seed: SecretBytes;
}

/**
 * One Argon2id run.
 *
 * @param password UTF-8 of NFC, not empty
 * @throws TalosError KDF_PARAMETERS_REFUSED
 */
export function sealKit(seed: SecretBytes, password: SecretBytes, facts: KitFacts, kdf: KdfParameters, crypto: Crypto): Uint8Array {
  checkKdfParameters(kdf);
  const preamble = kitPreamble(facts);
  const salt = crypto.randomBytes(KIT_SALT_BYTES);
  const clear = encodeClear({ ...facts, kdf, salt, textHash: crypto.sha256(TEXT_LABEL, preamble) });
  using stretched = stretch(password, salt, kdf, crypto);
  const seal = wrapCommitted(seed, stretched, clear, LABELS, crypto);
  const block = armour(KIT_TITLE, encodeKit(clear, seal, crypto), crypto);
  const text = new Uint8Array(preamble.length + block.length);
  text.set(preamble);
  text.set(block, preamble.length);
  return text;
}

/** What a kit says of itself, which nothing proves yet. @throws TalosError as `unsealKit`, but for the password */
export function readKitFacts(text: Uint8Array, crypto: Pick<Crypto, "sha256">): KitFacts {
  const { agentName, agentId, createdAt } = read(text, crypto).fields;
  return { agentName, agentId, createdAt };
}

/**
 * @param expected RECOVERY_KIT_FOREIGN for another agent's, before anything is derived
 * @throws TalosError RECOVERY_KIT_DAMAGED, KDF_PARAMETERS_REFUSED, UNSUPPORTED_VERSION and the like, RECOVERY_KIT_FOREIGN;
 *   RECOVERY_KIT_WRONG_PASSWORD
 */
export function unsealKit(text: Uint8Array, password: SecretBytes, crypto: Crypto, expected?: AgentId): OpenedKit {
  const { fields, clear, seal } = read(text, crypto);
  const { agentName, agentId, createdAt, salt, kdf } = fields;
  if (expected !== undefined && !equalBytes(expected, agentId)) throw talosError("RECOVERY_KIT_FOREIGN");
  using stretched = stretch(password, salt, kdf, crypto);
  const seed = openSeal();
  if (seed === undefined) throw talosError("RECOVERY_KIT_WRONG_PASSWORD");
  return { agentName, agentId, createdAt, seed, [Symbol.dispose]: () => seed.dispose() };

  function openSeal(): SecretBytes | undefined {
    try {
      return openCommitted(seal, stretched, clear, LABELS, crypto);
    } catch (cause) {
      if (!isTalosError(cause, "DECRYPTION_FAILED")) throw cause;
      throw damagedKit({ reason: "seal" }, cause);
    }
  }
}

function read(text: Uint8Array, crypto: Pick<Crypto, "sha256">): ReturnType<typeof decodeKit> {
  const { preamble, content } = unarmour(KIT_TITLE, text, crypto, damagedKit);
  const record = decodeKit(content, crypto);
  checkText(preamble, record.fields, crypto);
  return record;
}

/** A block that was typed in comes without the text above it. Where there is one it is the kit's own: it tells people what to do. */
function checkText(preamble: Uint8Array, { textHash }: ClearFields, crypto: Pick<Crypto, "sha256">): void {
  if (preamble.length > 0 && !equalBytes(crypto.sha256(TEXT_LABEL, preamble), textHash)) throw damagedKit({ reason: "text" });
}

function stretch(password: SecretBytes, salt: Uint8Array, kdf: KdfParameters, crypto: Crypto): SecretBytes {
  return crypto.argon2id(password, salt, { ...kdf, length: AEAD_KEY_BYTES });
}
