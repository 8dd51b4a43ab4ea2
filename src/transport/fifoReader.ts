/**
 * One snapshot from a pipe with a name: everything that its writer writes, up to the end. It never waits for a writer in a call
 * of the system, so however many pipes are read that nobody writes, Node's threads for files and names stay free.
 */
import { type Duration, Effect, Schema } from "effect"
import type * as Fs from "node:fs"
import type * as Net from "node:net"
import { load } from "./node.js"

/** There is no snapshot to be had. */
export class FifoFailure extends Schema.TaggedError<FifoFailure>("effect-metrics/FifoFailure")("FifoFailure", {
  path: Schema.String,
  /**
   * `missing`: nothing has this name. `not-a-pipe`: something else has it, also a symbolic link. `foreign`: it is another
   * user's. `denied`: it may not be read. `no-writer`: nobody has it open for writing, or who had wrote nothing.
   * `timeout`: somebody has, and did not come to an end in time. `too-large`: more than `maxBytes`. `failed`: any other
   * error, by its code.
   */
  reason: Schema.Literal("missing", "not-a-pipe", "foreign", "denied", "no-writer", "timeout", "too-large", "failed"),
  /** For an operator. */
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.path}: ${this.detail}`
  }
}

export interface ReadOptions {
  /** The whole time it may take. `Clock` of the fiber. */
  readonly timeout: Duration.DurationInput
  readonly maxBytes: number
  /** Whose pipes are read. Default `"ours"`: those of this process's user. */
  readonly owner?: "ours" | "anyone" | undefined
}

const details: Readonly<Record<FifoFailure["reason"], string>> = {
  missing: "there is no such pipe",
  "not-a-pipe": "it is no pipe",
  foreign: "it belongs to another user",
  denied: "it may not be read",
  "no-writer": "nobody writes it",
  timeout: "its writer did not come to an end in time",
  "too-large": "it holds more than is read",
  failed: "reading failed"
}

const reasons: Readonly<Record<string, FifoFailure["reason"]>> = {
  ENOENT: "missing",
  ENOTDIR: "missing",
  ELOOP: "not-a-pipe",
  ENXIO: "not-a-pipe",
  EACCES: "denied",
  EPERM: "denied"
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : "EIO"

/**
 * Opens the pipe, which takes no time whoever writes it, looks whether it is one of an accepted owner, and reads until its
 * writers are gone. Nothing is deleted, nor changed, and no symbolic link followed.
 */
export const readSnapshot = (path: string, options: ReadOptions): Effect.Effect<Uint8Array, FifoFailure> =>
  Effect.flatMap(modules, ({ fs, net }) => {
    const fail = (reason: FifoFailure["reason"], detail?: string): FifoFailure =>
      new FifoFailure({ path, reason, detail: detail ?? details[reason] })
    return Effect.acquireUseRelease(
      Effect.try({
        try: () => open(fs, net, path, options.owner ?? "ours"),
        catch: (error) => {
          if (error instanceof Refused) return fail(error.reason)
          const code = codeOf(error)
          const reason = reasons[code] ?? "failed"
          return fail(reason, `${details[reason]} (${code})`)
        }
      }),
      ({ fd, socket }) =>
        Effect.raceFirst(
          toEnd(socket, options.maxBytes, fail),
          Effect.sleep(options.timeout).pipe(
            Effect.flatMap(() => Effect.fail(fail(hasWriter(fs, fd) ? "timeout" : "no-writer")))
          )
        ),
      ({ socket }) => Effect.sync(() => socket.destroy())
    )
  })

const modules = Effect.promise(async () => ({
  fs: await load<typeof Fs>("node:fs"),
  net: await load<typeof Net>("node:net")
}))

class Refused {
  constructor(readonly reason: FifoFailure["reason"]) {}
}

const open = (fs: typeof Fs, net: typeof Net, path: string, owner: "ours" | "anyone") => {
  const check = (stats: Fs.Stats): void => {
    if (!stats.isFIFO()) throw new Refused("not-a-pipe")
    if (owner === "ours" && stats.uid !== process.getuid?.()) throw new Refused("foreign")
  }
  // Opening is a deed where the other thing is a device, and tells a writer that there is a reader.
  check(fs.lstatSync(path))
  const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants
  const fd = fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY)
  try {
    // What was looked at may have been replaced by now.
    check(fs.fstatSync(fd))
    return { fd, socket: new net.Socket({ fd, readable: true, writable: false, allowHalfOpen: true }) }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/** What the kernel tells of an empty pipe: that it is at its end where nobody can write, else to try again. */
const hasWriter = (fs: typeof Fs, fd: number): boolean => {
  try {
    return fs.readSync(fd, new Uint8Array(1)) > 0
  } catch (error) {
    return codeOf(error) === "EAGAIN"
  }
}

const toEnd = (
  socket: Net.Socket,
  maxBytes: number,
  fail: (reason: FifoFailure["reason"], detail?: string) => FifoFailure
): Effect.Effect<Uint8Array, FifoFailure> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    let length = 0
    socket.on("data", (chunk) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > maxBytes) {
        socket.destroy()
        resume(Effect.fail(fail("too-large", `${details["too-large"]}: ${maxBytes} bytes`)))
      }
    })
    socket.on("end", () => resume(length > 0 ? Effect.succeed(join(chunks)) : Effect.fail(fail("no-writer"))))
    socket.on("error", (error) => resume(Effect.fail(fail("failed", `${details.failed} (${codeOf(error)})`))))
    return Effect.sync(() => socket.destroy())
  })

const join = (chunks: ReadonlyArray<Buffer>): Uint8Array => (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
