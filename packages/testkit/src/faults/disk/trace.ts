/** The trace that shim.c writes: every call that changed something below the folder, in order, with what it wrote. */

export interface TraceRecord {
  readonly kind: "create" | "write" | "truncate" | "sync" | "rename" | "unlink" | "mkdir" | "rmdir" | "chmod" | "link" | "mark";
  /** Of the call among those that were counted since arming; 0 before. */
  readonly call: number;
  /** Relative to the folder; of a mark its word. */
  readonly path: string;
  /** Of a rename or link. */
  readonly to: string;
  /** Of a write; of a truncation the new size. */
  readonly offset: number;
  readonly mode: number;
  readonly data: Uint8Array;
}

const KINDS: readonly (TraceRecord["kind"] | undefined)[] = [
  undefined,
  "create",
  undefined,
  "write",
  "truncate",
  "sync",
  "rename",
  "unlink",
  "mkdir",
  "rmdir",
  "chmod",
  "link",
  "mark",
];
const HEADER_BYTES = 32;

/** @throws Error for bytes that are no trace */
export function parseTrace(bytes: Uint8Array): TraceRecord[] {
  const records: TraceRecord[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  for (let at = 0; at < bytes.length;) {
    const word = (index: number): number => view.getUint32(at + 4 * index, true);
    const [kind, call, pathBytes, toBytes, low, high, mode, size] = [
      word(0),
      word(1),
      word(2),
      word(3),
      word(4),
      word(5),
      word(6),
      word(7),
    ];
    const name = KINDS[kind];
    if (name === undefined) throw new Error(`a trace has no kind ${kind}`);
    const path = at + HEADER_BYTES;
    const to = path + pathBytes;
    const data = to + toBytes;
    records.push({
      kind: name,
      call,
      path: decoder.decode(bytes.subarray(path, to)),
      to: decoder.decode(bytes.subarray(to, data)),
      offset: high * 2 ** 32 + low,
      mode,
      data: bytes.slice(data, data + size),
    });
    at = data + size;
  }
  return records;
}
