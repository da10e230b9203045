/** Aligned columns of text. Knows nothing of what stands in them. */
const GAP = "  ";

/** Lays out rows under headings; the last column is not padded. Control characters in cells are made visible. */
export function formatTable(headings: readonly string[], rows: ReadonlyArray<readonly string[]>): string[] {
  const all = [headings, ...rows].map((row) => row.map(printable));
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join(GAP)
      .trimEnd(),
  );
}

/** Text from outside made safe for a terminal: control characters become `\u{...}`. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
