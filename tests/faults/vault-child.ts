/** The process under faults. */
import { runFaultChild } from "@talos/testkit/disk-faults";
import { vaultSubject } from "./vault-subject.ts";

await runFaultChild(vaultSubject);
