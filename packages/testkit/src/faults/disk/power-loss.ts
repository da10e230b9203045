/**
 * What a disk may hold after power is lost: replays a trace on the folder as it was, remembers what was synced, and
 * makes of everything else any mixture. Pure.
 *
 * The rules, at least as hard as those of POSIX file systems:
 * - content of a file is certain as of its last fsync; each later write may be there, be missing, or be cut off (torn);
 * - an entry of a folder (made, renamed, removed) is certain once that folder was synced; each later change may be there
 *   or not, whatever its neighbours do. Syncing a file says nothing of its entry;
 * - so a file whose name was synced and whose content was not may be empty, short, or full of holes;
 * - `-shm` is memory that processes share, and is gone.
 */
import { type FolderImage, type ImageEntry, parentOf } from "./folder-image.ts";
import type { Random } from "./random.ts";
import type { TraceRecord } from "./trace.ts";

/** How a state is put together: the four corners, or a draw for each change. */
export const LOSSES = ["all", "none", "contents", "entries", "drawn"] as const;
export type Loss = (typeof LOSSES)[number];

type Change = { readonly offset: number; readonly data: Uint8Array } | { readonly size: number };

interface Node {
  readonly isFolder: boolean;
  mode: number;
  synced: Uint8Array;
  pending: Change[];
}

/** One change of entries; certain once every folder in `unsynced` was synced. */
interface EntryChange {
  readonly adds?: { readonly path: string; readonly node: Node };
  readonly removes?: { readonly path: string; readonly node: Node };
  readonly unsynced: Set<string>;
}

export class PowerLossModel {
  /** As the process sees it. */
  readonly #seen: Map<string, Node> = new Map();
  readonly #certain: Map<string, Node> = new Map();
  #pending: EntryChange[] = [];

  /** @param before taken to be on the disk for certain */
  constructor(before: FolderImage) {
    for (const [path, { mode, content }] of before) {
      const node: Node = { isFolder: content === undefined, mode, synced: content ?? new Uint8Array(), pending: [] };
      this.#seen.set(path, node);
      this.#certain.set(path, node);
    }
  }

  apply(record: TraceRecord): void {
    const { kind, path, to } = record;
    const node = this.#seen.get(path);
    switch (kind) {
      case "create":
      case "mkdir":
        this.#add(path, { isFolder: kind === "mkdir", mode: record.mode, synced: new Uint8Array(), pending: [] });
        return;
      case "write":
        node?.pending.push({ offset: record.offset, data: record.data });
        return;
      case "truncate":
        node?.pending.push({ size: record.offset });
        return;
      case "chmod":
        if (node !== undefined) node.mode = record.mode;
        return;
      case "sync":
        if (node === undefined || node.isFolder) this.#syncFolder(path);
        else this.#syncFile(node);
        return;
      case "rename":
        if (node !== undefined) this.#rename(path, to, node);
        return;
      case "link":
        if (node !== undefined) this.#add(to, node);
        return;
      case "unlink":
      case "rmdir":
        if (node !== undefined) this.#remove(path, node);
        return;
      case "mark":
        return;
    }
  }

  /** One state that the disk may be found in. */
  state(loss: Loss, random: Random): FolderImage {
    const keepEntry = (): boolean => (loss === "drawn" ? random() < 0.5 : loss === "none" || loss === "contents");
    const names = new Map(this.#certain);
    for (const { adds, removes } of this.#pending) {
      if (!keepEntry()) continue;
      if (removes !== undefined && names.get(removes.path) === removes.node) names.delete(removes.path);
      if (adds !== undefined) names.set(adds.path, adds.node);
    }
    const contents = new Map<Node, Uint8Array>();
    const image = new Map<string, ImageEntry>();
    for (const path of [...names.keys()].sort()) {
      const node = names.get(path);
      const parent = parentOf(path);
      if (node === undefined || path.endsWith("-shm") || (parent !== "" && !image.has(parent))) continue;
      if (node.isFolder) {
        image.set(path, { mode: node.mode });
        continue;
      }
      const content = contents.get(node) ?? contentAfter(node, loss, random);
      contents.set(node, content);
      image.set(path, { mode: node.mode, content });
    }
    return image;
  }

  #add(path: string, node: Node): void {
    this.#seen.set(path, node);
    this.#pending.push({ adds: { path, node }, unsynced: new Set([parentOf(path)]) });
  }

  #remove(path: string, node: Node): void {
    this.#seen.delete(path);
    this.#pending.push({ removes: { path, node }, unsynced: new Set([parentOf(path)]) });
  }

  #rename(from: string, to: string, node: Node): void {
    this.#seen.delete(from);
    this.#seen.set(to, node);
    this.#pending.push({ adds: { path: to, node }, removes: { path: from, node }, unsynced: new Set([parentOf(from), parentOf(to)]) });
  }

  #syncFile(node: Node): void {
    node.synced = node.pending.reduce(changed, node.synced);
    node.pending = [];
  }

  #syncFolder(folder: string): void {
    for (const change of this.#pending) {
      change.unsynced.delete(folder);
      if (change.unsynced.size > 0) continue;
      const { adds, removes } = change;
      if (removes !== undefined && this.#certain.get(removes.path) === removes.node) this.#certain.delete(removes.path);
      if (adds !== undefined) this.#certain.set(adds.path, adds.node);
    }
    this.#pending = this.#pending.filter(({ unsynced }) => unsynced.size > 0);
  }
}

function contentAfter(node: Node, loss: Loss, random: Random): Uint8Array {
  let content = node.synced;
  for (const change of node.pending) {
    const draw = loss === "drawn" ? random() : loss === "none" || loss === "entries" ? 0 : 1;
    if (draw < 0.45) content = changed(content, change);
    else if (draw < 0.65 && "data" in change)
      content = changed(content, { offset: change.offset, data: change.data.subarray(0, Math.floor(random() * change.data.length)) });
  }
  return content;
}

function changed(content: Uint8Array, change: Change): Uint8Array {
  if ("size" in change) {
    const resized = new Uint8Array(change.size);
    resized.set(content.subarray(0, change.size));
    return resized;
  }
  const grown = new Uint8Array(Math.max(content.length, change.offset + change.data.length));
  grown.set(content);
  grown.set(change.data, change.offset);
  return grown;
}
