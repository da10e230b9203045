// What core's wrapper costs over the bare cipher, for a message as short as messages get.
import { createCipheriv } from "node:crypto";
import { nodeCrypto } from "@talos/core";
import type { Operation } from "../harness.ts";

const MESSAGE_BYTES = 35;
const TAG_BYTES = 16;

export function operations(): Operation[] {
  const key = nodeCrypto.randomSecret(32);
  const bareKey = nodeCrypto.randomBytes(32);
  const nonce = nodeCrypto.randomBytes(12);
  const message = nodeCrypto.randomBytes(MESSAGE_BYTES);
  const associatedData = nodeCrypto.randomBytes(64);

  return [
    {
      operation: "seal 35 B with ChaCha20-Poly1305",
      ours: () => {
        nodeCrypto.aeadSeal("chacha20-poly1305", key, nonce, message, associatedData);
      },
      baselines: {
        primitives: () => {
          const cipher = createCipheriv("chacha20-poly1305", bareKey, nonce, { authTagLength: TAG_BYTES });
          cipher.setAAD(associatedData, { plaintextLength: MESSAGE_BYTES });
          const sealed = new Uint8Array(MESSAGE_BYTES + TAG_BYTES);
          sealed.set(cipher.update(message));
          cipher.final();
          sealed.set(cipher.getAuthTag(), MESSAGE_BYTES);
        },
      },
      close: () => key.dispose(),
    },
  ];
}
