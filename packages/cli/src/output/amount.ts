/** "1 peer", "2 peers". */
export function amount(number: number, one: string, many: string = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
