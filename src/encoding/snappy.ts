/**
 * Snappy's block format, without frames: what remote write takes bodies in, and no other way. A body is its length as a varint, and
 * then literals and copies of what came before; the more labels repeat, the shorter it gets.
 *
 * Written here, as a sink that cannot do without it should not ask for a package, and platforms have gzip alone.
 */
import { varintSize, writeVarint } from "./protobuf.js"

/** Copies reach back less than this far, so that two bytes hold how far: what is longer is compressed block by block. */
const blockSize = 65_536
const tableBits = 14
/** The last bytes of a block are a literal, so that four bytes can be read wherever a match may begin. */
const margin = 15

/** Where in the block four bytes were seen last, plus one, by their hash. */
const table = new Uint16Array(1 << tableBits)

/** The most that so many bytes come to. */
const mostBytes = (length: number): number => varintSize(length) + length + Math.ceil(length / 6) + 32

const load = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)

const hash = (word: number): number => Math.imul(word, 0x1e35a7bd) >>> (32 - tableBits)

const literal = (from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number => {
  const last = end - start - 1
  if (last < 0) return at
  if (last < 60) to[at++] = last << 2
  else if (last < 256) {
    to[at++] = 60 << 2
    to[at++] = last
  } else {
    // A literal lies within a block.
    to[at++] = 61 << 2
    to[at++] = last & 255
    to[at++] = last >> 8
  }
  for (let i = start; i < end; i++) to[at++] = from[i]!
  return at
}

/** Of up to 64 bytes. */
const shortCopy = (distance: number, length: number, to: Uint8Array, at: number): number => {
  if (length >= 4 && length < 12 && distance < 2048) {
    to[at] = ((distance >> 8) << 5) | ((length - 4) << 2) | 1
    to[at + 1] = distance & 255
    return at + 2
  }
  to[at] = ((length - 1) << 2) | 2
  to[at + 1] = distance & 255
  to[at + 2] = distance >> 8
  return at + 3
}

const copy = (distance: number, length: number, to: Uint8Array, at: number): number => {
  let left = length
  // At least four bytes are left for the last one, which can be the short form then.
  for (; left >= 68; left -= 64) at = shortCopy(distance, 64, to, at)
  if (left > 64) {
    at = shortCopy(distance, 60, to, at)
    left -= 60
  }
  return shortCopy(distance, left, to, at)
}

const block = (from: Uint8Array, start: number, end: number, to: Uint8Array, first: number): number => {
  let at = first
  let written = start
  table.fill(0)
  // What does not compress is passed over ever faster.
  let misses = 32
  for (let i = start + 1; i < end - margin;) {
    const word = load(from, i)
    const slot = hash(word)
    // 0 is for none: the block's first byte is not looked at.
    const candidate = start + table[slot]!
    table[slot] = i - start
    if (candidate === start || load(from, candidate) !== word) {
      i += misses++ >> 5
      continue
    }
    let length = 4
    while (i + length < end && from[candidate + length] === from[i + length]) length++
    at = literal(from, written, i, to, at)
    at = copy(i - candidate, length, to, at)
    written = i += length
    misses = 32
    if (i < end - margin) table[hash(load(from, i - 1))] = i - 1 - start
  }
  return literal(from, written, end, to, at)
}

export const compress = (bytes: Uint8Array): Uint8Array => {
  const to = new Uint8Array(mostBytes(bytes.length))
  let at = writeVarint(to, 0, bytes.length)
  for (let start = 0; start < bytes.length; start += blockSize) {
    at = block(bytes, start, Math.min(start + blockSize, bytes.length), to, at)
  }
  return to.slice(0, at)
}
