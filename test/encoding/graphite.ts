/** Readers of what Graphite is sent, as strict as carbon or stricter. */

export interface Record {
  readonly path: string
  readonly value: number
  readonly second: number
}

/** What Python's `split` splits at, and every other control character. */
const blank = /[\s\p{Cc}]/u

const maxLine = 16_384

/** Lines as carbon's receiver takes them; throws where it would complain, or end the connection. */
export const linesOf = (bytes: Uint8Array): ReadonlyArray<Record> => {
  const records: Array<Record> = []
  let start = 0
  for (let end = bytes.indexOf(10); end >= 0; start = end + 1, end = bytes.indexOf(10, start)) {
    if (end - start > maxLine) throw new Error(`a line of ${end - start} bytes`)
    const line = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(start, end))
    const parts = line.split(blank)
    if (parts.length !== 3 || parts.includes("")) throw new Error(`not three fields: ${JSON.stringify(line)}`)
    const [path, value, second] = parts as [string, string, string]
    if (!/^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(value)) throw new Error(`not a number: ${value}`)
    if (!/^(-1|\d{1,10})$/.test(second)) throw new Error(`not a second: ${second}`)
    records.push({ path, value: Number(value), second: Number(second) })
  }
  if (start < bytes.length) throw new Error("the last line has no end")
  return records
}

export interface Frame {
  /** Of the pickle, without its length before it. */
  readonly bytes: number
  readonly records: ReadonlyArray<Record>
}

/** One pickle of the few opcodes that are needed, and of no others. */
const pickleOf = (bytes: Uint8Array): ReadonlyArray<Record> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const expect = (...wanted: ReadonlyArray<number>): void => {
    for (const byte of wanted) {
      if (bytes[at] !== byte) throw new Error(`${bytes[at]} instead of ${byte} at ${at}`)
      at++
    }
  }
  const records: Array<Record> = []
  expect(0x80, 2, 0x5d, 0x28)
  while (bytes[at] !== 0x65) {
    expect(0x58)
    const length = view.getUint32(at, true)
    at += 4
    if (at + length > bytes.length) throw new Error("text beyond the end")
    const path = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, at + length))
    at += length
    expect(0x4a)
    const second = view.getInt32(at, true)
    at += 4
    expect(0x47)
    const value = view.getFloat64(at)
    at += 8
    expect(0x86, 0x86)
    if (!Number.isFinite(value)) throw new Error(`not a number: ${value}`)
    records.push({ path, value, second })
  }
  expect(0x65, 0x2e)
  if (at !== bytes.length) throw new Error("bytes after the end of a pickle")
  return records
}

/** The whole frames at the start, and how many bytes they are. */
export const wholeFrames = (bytes: Uint8Array): { readonly frames: ReadonlyArray<Frame>; readonly end: number } => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: Array<Frame> = []
  let at = 0
  while (at + 4 <= bytes.length) {
    const length = view.getUint32(at)
    if (length > 1_048_576) throw new Error(`a frame of ${length} bytes`)
    if (at + 4 + length > bytes.length) break
    frames.push({ bytes: length, records: pickleOf(bytes.subarray(at + 4, at + 4 + length)) })
    at += 4 + length
  }
  return { frames, end: at }
}

export const framesOf = (bytes: Uint8Array): ReadonlyArray<Frame> => {
  const { end, frames } = wholeFrames(bytes)
  if (end !== bytes.length) throw new Error("a frame without its end")
  return frames
}

/** What carbon 1.1 makes of a path: throws where it refuses it. */
export const parsePath = (
  path: string
): { readonly name: string; readonly tags: ReadonlyArray<readonly [string, string]> } => {
  if (path.endsWith('"}') && path.includes("{")) throw new Error("a name of OpenMetrics")
  const [name, ...segments] = path.split(";") as [string, ...Array<string>]
  if (name.replace(/^~+/, "") === "") throw new Error("no name")
  const tags = segments.map((segment) => {
    const equals = segment.indexOf("=")
    const [key, value] = [segment.slice(0, equals), segment.slice(equals + 1)]
    if (equals < 1 || value === "" || /[;!^=]/.test(key) || value.startsWith("~") || key === "name")
      throw new Error(`not a tag: ${segment}`)
    return [key, value] as const
  })
  return { name, tags }
}
