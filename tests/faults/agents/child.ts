/** The process under faults. */
import { runFaultChild } from "@talos/testkit/disk-faults";
import { agentSubject } from "./subject.ts";

await runFaultChild(agentSubject);
