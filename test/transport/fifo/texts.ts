/** Snapshots of which every part can be told from every other. */

export const defaults = {
  isShared: false,
  name: "1",
  mode: 0o600,
  countReaders: true,
  readTimeoutMillis: 5000,
  shutdownTimeoutMillis: 5000
}

/** The `number`th snapshot, of about `size` bytes. */
export const text = (number: number, size: number): Uint8Array => {
  const lines = [`begin ${number}`]
  for (let length = 0; length < size; length += lines.at(-1)!.length + 1) lines.push(`${number}:${lines.length}`)
  return new TextEncoder().encode([...lines, `end ${number}`, ""].join("\n"))
}

/** What a reader got: `whole`, or what is wrong with it. */
export const judge = (got: string): string => {
  if (got === "") return "empty"
  const number = /^begin (\d+)\n/.exec(got)?.[1]
  const lines = got.split("\n").slice(1, -2)
  const isWhole =
    number !== undefined &&
    got.endsWith(`\nend ${number}\n`) &&
    lines.every((line, index) => line === `${number}:${index + 1}`)
  return isWhole ? "whole" : `torn: ${got.length} bytes`
}
