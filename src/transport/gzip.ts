/**
 * Gzip where the platform has it, off the thread that runs the app.
 */
import { Effect } from "effect"
import { load } from "./node.js"

interface Zlib {
  readonly gzip: (
    bytes: Uint8Array,
    options: { readonly level: number },
    done: (error: Error | null, compressed: Uint8Array) => void
  ) => void
}

const loadZlib = (): Promise<Zlib | undefined> =>
  load<Partial<Zlib>>("node:zlib").then(
    // What has the function is the module.
    (module) => (typeof module.gzip === "function" ? (module as Zlib) : undefined),
    () => undefined
  )

let zlib: Promise<Zlib | undefined> | undefined

// Level 1 takes less time than the default, and leaves metrics hardly larger.
const byZlib = ({ gzip }: Zlib, bytes: Uint8Array): Promise<Uint8Array | undefined> =>
  new Promise((resolve) =>
    gzip(bytes, { level: 1 }, (error, compressed) => resolve(error === null ? compressed : undefined))
  )

const byStream = async (bytes: Uint8Array): Promise<Uint8Array | undefined> => {
  if (typeof CompressionStream === "undefined") return undefined
  // `Blob` takes bytes of any buffer but a shared one, which encoders do not make.
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream("gzip"))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

const pack = async (bytes: Uint8Array): Promise<Uint8Array | undefined> => {
  try {
    const found = await (zlib ??= loadZlib())
    return await (found === undefined ? byStream(bytes) : byZlib(found, bytes))
  } catch {
    return undefined
  }
}

const settled = <A>(promise: Promise<A>): Effect.Effect<A> => Effect.promise(() => promise)

/** `undefined` where the platform cannot: then the bytes go as they are. */
export const gzip = (bytes: Uint8Array): Effect.Effect<Uint8Array | undefined> =>
  // What a fiber waits for, and all that it was made with, stays reachable until a full collection: the bytes, ten times as
  // large as what becomes of them, must not be among it (the benchmark's row "series").
  Effect.suspend(() => settled(pack(bytes)))
