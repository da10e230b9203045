/** Faults of a disk, for whoever has a store to prove. Apart from the rest of testkit, so that its many processes start quickly. */
export { runFaultChild, type FaultPoint } from "./child.ts";
export { imageKey, readImage, workPlace, writeImage, type FolderImage } from "./folder-image.ts";
export { runMatrix, type BadState, type MatrixOptions, type OperationResult } from "./matrix.ts";
export { absentDiskFaults, diskFaultEnvironment } from "./shim.ts";
export { markOutside, outsideCopy } from "./orders.ts";
export { parseTrace } from "./trace.ts";
export type { DiskOperation, DiskSubject, Look, RunningOperation } from "./subject.ts";
export { seededRandom } from "./random.ts";
export { scriptedCrypto } from "../../crypto/scripted-crypto.ts";
