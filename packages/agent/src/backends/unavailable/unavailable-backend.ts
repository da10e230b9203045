/** The backends that this version does not have: they say what is missing and how one would get it. */
import { talosError, type TalosError } from "@talos/core";
import type { BackendCapabilities, BackendKey, BackendKeyKind, BackendName, KeyBackend, KeyReference } from "../contract/key-backend.ts";

export type UnavailableName = Exclude<BackendName, "software">;

const EXPLANATIONS: Readonly<Record<UnavailableName, { readonly missing: string; readonly remedy: string }>> = {
  hsm: {
    missing: "a PKCS#11 module of the token's maker, and this version's driver for it",
    remedy: 'Use the backend "software" now; with a version that has the driver, install the maker\'s PKCS#11 library and give its path.',
  },
  tpm: {
    missing: "a TPM 2.0 with access to /dev/tpmrm0, and this version's driver for it",
    remedy: 'Use the backend "software" now; with a version that has the driver, enable the TPM in the firmware and join the group tss.',
  },
  sgx: {
    missing: "a processor with Intel SGX, its kernel driver, and a signed enclave of this project",
    remedy: 'Use the backend "software" now; with a version that has the enclave, check that /dev/sgx_enclave exists.',
  },
  nitro: {
    missing: "an AWS Nitro instance with an enclave running, reached over vsock, and this project's enclave image",
    remedy: 'Use the backend "software" now; with a version that has the image, start it with nitro-cli run-enclave and give its CID.',
  },
};

export class UnavailableBackend implements KeyBackend {
  readonly name: UnavailableName;
  readonly capabilities: BackendCapabilities = {};

  constructor(name: UnavailableName) {
    this.name = name;
  }

  async create<K extends BackendKeyKind>(_kind: K): Promise<BackendKey<K>> {
    throw notAvailable(this.name);
  }

  async open<K extends BackendKeyKind>(_reference: KeyReference<K>): Promise<BackendKey<K>> {
    throw notAvailable(this.name);
  }
}

function notAvailable(name: UnavailableName): TalosError {
  const { missing, remedy } = EXPLANATIONS[name];
  return talosError("BACKEND_NOT_AVAILABLE", `The key backend "${name}" is not available here: it needs ${missing}.`, {
    hint: remedy,
    details: { backend: name, missing },
  });
}
