/**
 * What a store shows the matrix: its operations, each from a prepared folder, and how a folder is looked at afterwards.
 * Whoever has a store to prove implements this once; the matrix does the rest.
 */

export interface DiskSubject {
  readonly operations: readonly DiskOperation[];
  /**
   * Opens what lies in the folder, without any fault, and closes it again. Never throws: what does not open is a fault.
   * The folder may be changed: each state is looked at once.
   */
  look(dataDir: string, operation: string): Promise<Look>;
  /**
   * A folder in the image that is another machine's: it loses no power here. Under a trace the process calls `traceOutside` whenever
   * something has changed there, with a copy of that folder.
   */
  readonly outside?: string;
  /** After a process has ended: what lies outside comes to rest. */
  settle?(operation: string): Promise<void>;
}

export interface DiskOperation {
  readonly name: string;
  /** It does what it can: where calls fail it may succeed and have changed nothing. */
  readonly bestEffort?: boolean;
  /** Others' work interleaves with it, such as answers from outside: two runs may differ in their calls by a few. */
  readonly varies?: boolean;
  /** States by design on the way, from which the operation is made again. */
  between?(before: string, after: string): readonly string[];
  /** Without faults: leaves in the folder, which is empty, what the operation starts from, and nothing open. */
  prepare(dataDir: string): Promise<void>;
  /** Without faults: all that comes before the operation, such as opening. */
  begin(dataDir: string): Promise<RunningOperation>;
}

/** Two runs of an operation from equal folders must lead to equal states: its randomness comes from a seed. */
export interface RunningOperation {
  /** Under faults. Throws what a caller of the store would get. */
  run(): Promise<void>;
  /** As `Look.state`, of what is open; undefined where nothing is open. */
  state(): string | undefined;
  /** As `Look.counter`. */
  counter(): number;
  /** Without faults, after `run` has ended well or badly: what is open takes another change, or what is not can be opened. */
  goOn(): Promise<void>;
  /** Also under faults; throws what a caller would get. */
  close(): Promise<void>;
}

export interface Look {
  /** Everything that counts, as text, so that two states can be compared. */
  readonly state: string;
  /** Grows with each opening, and never comes twice. */
  readonly counter: number;
  /** Whatever is wrong, in words. */
  readonly faults: readonly string[];
}
