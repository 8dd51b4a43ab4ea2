/**
 * A pipe with a name, in which every reader finds one whole snapshot, made for it, and then the end.
 *
 * `fifoPlace` is where it is, `fifoWorker` waits for readers, `fifoPipe` gives them what they came for, and where several came at
 * once, `fifoReaders` finds them and `fifoTurns` writes a copy for each.
 *
 * What each reader gets: the whole snapshot, also where several open the pipe in the same instant, if Linux tells this process of
 * them. Readers of the same instant share one snapshot, so that each gets a part of it or nothing, where it does not: where there
 * is no `/proc`; of another user's processes, unless this one is root's; of those in another container, unless it is within this
 * one; of programs that do not read but wait to be told (Node's sockets, `splice`). Where a debugger may not look into other
 * processes of the user (`kernel.yama.ptrace_scope`), those of the same instant who fill a growing buffer, as Python does, get
 * the whole of up to 64 KiB. Where one of them takes single bytes, as some shells do, all get the whole of some kilobytes, or the
 * beginning of more. One who takes nothing for longer than is allowed gets what was taken until then. One whom the system keeps
 * from running in the very midst of opening the pipe, for longer than it is looked for such, finds it empty, some seconds later.
 *
 * Where a process ends without a word (SIGKILL, a signal that nothing handles, a thread of an app's that is ended from outside)
 * the name is left, without a writer; the next pipe in that folder removes it.
 */
import { Cause, Effect, FiberSet } from "effect"
import type { Scope } from "effect"
import { type Modules, modules, type Opened, Pipe } from "./fifoPipe.js"
import { PipeError } from "./fifoFailure.js"
import { errorOf, type Place, type PlaceOptions, prepare, showLife, unopened } from "./fifoPlace.js"
import { made } from "./fifoWorker.js"

export interface FifoOptions extends PlaceOptions {
  /** Who may open it. */
  readonly mode: number
  /** Looks for readers that came at once, so that each gets a copy. */
  readonly countReaders: boolean
  /** How long a reader may take nothing. */
  readonly readTimeoutMillis: number
  /** How long readers that are being served are waited for when the scope closes. */
  readonly shutdownTimeoutMillis: number
  /** Asked for each time somebody reads. What it gives must not change after that. */
  readonly snapshot: Effect.Effect<Uint8Array>
}

/** Serves readers until the scope closes; then the pipe is gone, also where the process ends before that. */
export const serve = (options: FifoOptions): Effect.Effect<Place, PipeError, Scope.Scope> =>
  Effect.gen(function* () {
    const node = yield* modules
    const place = yield* prepare(options)
    yield* makePipes(node, place, options.mode)
    yield* Effect.acquireRelease(
      inFolder(place, () => showLife(node.fs, place.folder)),
      (fd) => Effect.sync(() => node.fs.closeSync(fd))
    )
    // Unlike a move, it takes nobody's name away.
    yield* inFolder(place, () => node.fs.linkSync(`${place.folder}/0`, place.path))
    const run = yield* FiberSet.makeRuntime<never>()
    const opened = (pipe: Pipe, one: Opened): void => {
      run(
        Effect.flatMap(options.snapshot, (bytes) => Effect.promise(() => pipe.give(one, bytes))).pipe(
          Effect.catchAllCause((cause) => Effect.logError(`${place.path}: there is no snapshot`, Cause.squash(cause))),
          Effect.ensuring(Effect.sync(() => pipe.free(one)))
        )
      )
    }
    const failed = (reason: string): void => void run(Effect.logError(`${place.path}: the pipe is gone: ${reason}`))
    yield* Effect.acquireRelease(
      Effect.try({
        try: () => new Pipe(node, place, options, opened, failed),
        catch: (error) => errorOf(place.path, "its thread cannot be started", error)
      }),
      (pipe) => Effect.promise(() => pipe.close(options.shutdownTimeoutMillis))
    )
    return place
  })

/** Node has no call for it. */
const makePipes = ({ childProcess }: Modules, { folder }: Place, mode: number): Effect.Effect<void, PipeError> =>
  Effect.async((resume) => {
    const names = [...Array.from({ length: made }, (_, slot) => String(slot)), unopened]
    const paths = names.map((name) => `${folder}/${name}`)
    childProcess.execFile("mkfifo", ["-m", mode.toString(8), ...paths], (error) => {
      if (error === null) return resume(Effect.void)
      const reason = error.code === "ENOENT" ? "the program mkfifo is not there" : "mkfifo failed"
      resume(Effect.fail(new PipeError({ path: folder, reason })))
    })
  })

const inFolder = <A>({ path }: Place, use: () => A): Effect.Effect<A, PipeError> =>
  Effect.try({ try: use, catch: (error) => errorOf(path, "the pipe cannot be made", error) })
