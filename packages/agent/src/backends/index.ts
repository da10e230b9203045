/** Key backends by name. */
import type { Crypto } from "@talos/core";
import type { KeyFileStore } from "../vault/types.ts";
import type { BackendName, KeyBackend } from "./contract/key-backend.ts";
import { SoftwareBackend } from "./software/software-backend.ts";
import { UnavailableBackend } from "./unavailable/unavailable-backend.ts";

export type * from "./contract/key-backend.ts";
export { SoftwareBackend } from "./software/software-backend.ts";
export { UnavailableBackend } from "./unavailable/unavailable-backend.ts";

/** Every operation of a backend that is not built answers BACKEND_NOT_AVAILABLE with what is missing. */
export function openBackend(name: BackendName, environment: { readonly files: KeyFileStore; readonly crypto: Crypto }): KeyBackend {
  return name === "software" ? new SoftwareBackend(environment.files, environment.crypto) : new UnavailableBackend(name);
}
