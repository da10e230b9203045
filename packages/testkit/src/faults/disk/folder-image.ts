/** A folder in memory: what is in it, and how it is put on a disk. Knows nothing of what the files mean. */
import { createHash } from "node:crypto";
import { accessSync, chmodSync, constants, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** By path relative to the folder, which itself is no entry; parents before their children. A folder has no content. */
export type FolderImage = ReadonlyMap<string, ImageEntry>;

export interface ImageEntry {
  readonly mode: number;
  /** Undefined for a folder. */
  readonly content?: Uint8Array;
}

/** Of a folder that nobody uses just now; an absent one has the empty image. */
export function readImage(folder: string): FolderImage {
  const image = new Map<string, ImageEntry>();
  const visit = (relative: string): void => {
    for (const name of readdirSync(join(folder, relative)).sort()) {
      const path = relative === "" ? name : `${relative}/${name}`;
      const stats = statSync(join(folder, path));
      const mode = stats.mode & 0o7777;
      image.set(path, stats.isDirectory() ? { mode } : { mode, content: new Uint8Array(readFileSync(join(folder, path))) });
      if (stats.isDirectory()) visit(path);
    }
  };
  visit("");
  return image;
}

/** Replaces what is there. */
export function writeImage(folder: string, image: FolderImage): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [path, { mode, content }] of image) {
    const target = join(folder, path);
    if (content === undefined) mkdirSync(target, { mode });
    else writeFileSync(target, content, { mode });
    // The process's mask may have taken bits away.
    chmodSync(target, mode);
  }
}

/** The same for the same content. */
export function imageKey(image: FolderImage): string {
  const lines = [...image].map(([path, { mode, content }]) => {
    const digest = content === undefined ? "/" : createHash("sha256").update(content).digest("hex");
    return `${path} ${mode} ${digest}`;
  });
  return lines.join("\n");
}

/** Everything below one folder of an image, with paths relative to that folder; undefined where the image has no such folder. */
export function imageBelow(image: FolderImage, folder: string): FolderImage | undefined {
  if (!image.has(folder)) return undefined;
  const prefix = `${folder}/`;
  return new Map([...image].filter(([path]) => path.startsWith(prefix)).map(([path, entry]) => [path.slice(prefix.length), entry]));
}

export function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === "." ? "" : parent;
}

/** With that folder's content in place of what the image has of it. */
export function withFolder(image: FolderImage, folder: string | undefined, content: FolderImage | undefined): FolderImage {
  if (folder === undefined || content === undefined) return image;
  const others = [...image].filter(([path]) => path !== folder && !path.startsWith(`${folder}/`));
  const inside = [...content].map(([path, entry]) => [`${folder}/${path}`, entry] as const);
  return new Map([...others, [folder, { mode: 0o700 }], ...inside]);
}

/** In memory where that can be: thousands of folders are written and synced, and none is kept. */
export function workPlace(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}
