// @ts-check
/** Encoders side by side. */
import { compare } from "../harness.mjs"

/** @typedef {(from: number, to: number) => Uint8Array} Encode Writes the measurements from one to before another. */

const latin1 = (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString("latin1").trimEnd()

/**
 * Runs encoders over batches, once all are seen to write the same.
 * @param {import("../harness.mjs").Context} context @param {number} batch
 * @param {ReadonlyArray<{ readonly name: string, readonly kind: import("../harness.mjs").Kind, readonly encode: Encode }>} encoders
 *   The first is what the others are compared with.
 * @param {{ operations?: number, chunk?: number, read?: (bytes: Uint8Array) => string }} [options]
 *   `read` gives what is to be the same, where it is not the bytes.
 */
export const compareEncoders = async (
  context,
  batch,
  encoders,
  { chunk = 50_000, operations = 100_000, read = latin1 } = {}
) => {
  const texts = encoders.map(({ encode }) => read(encode(0, batch)))
  texts.forEach((text, i) => {
    if (text === texts[0]) return
    throw new Error(`${encoders[i]?.name} writes\n${text.slice(0, 200)}\nfor\n${texts[0]?.slice(0, 200)}`)
  })
  let bytes = 0
  const results = await compare(
    context,
    encoders.map(({ encode, kind, name }) => ({
      name,
      kind,
      run: (n) => {
        for (let from = 0; from < n; from += batch) bytes += encode(from, from + batch).length
      }
    })),
    { operations, chunk, rounds: 11, warmup: 3 }
  )
  if (bytes === 0) throw new Error("nothing was encoded")
  return {
    results,
    notes: [`Before the run, all are checked to write the same ${read === latin1 ? "bytes" : "content"}.`]
  }
}

/**
 * What is encoded of a list, all of it, or it is an error.
 * @template P
 * @param {ReadonlyArray<any>} measurements
 * @param {(batch: ReadonlyArray<any>, maxBytes: number) => { readonly payload: P, readonly taken: number }} encode
 * @param {(payload: P) => Uint8Array} bytesOf
 * @returns {Encode}
 */
export const encoding = (measurements, encode, bytesOf) => (from, to) => {
  const { payload, taken } = encode(measurements.slice(from, to), Infinity)
  if (taken !== to - from) throw new Error(`${taken} of ${to - from} encoded`)
  return bytesOf(payload)
}
