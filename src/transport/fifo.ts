/**
 * A pipe with a name, in which every reader finds one whole snapshot, made for it, and then the end.
 *
 * `fifoPlace` is where it is, `fifoWorker` waits for readers, `fifoTurns` writes for several who came at once.
 */
import { Cause, Effect, FiberSet } from "effect"
import type { Scope } from "effect"
import type * as ChildProcess from "node:child_process"
import type * as Fs from "node:fs"
import type * as Net from "node:net"
import type * as Os from "node:os"
import type { Worker } from "node:worker_threads"
import type * as Threads from "node:worker_threads"
import { errorOf, type Place, PipeError, type PlaceOptions, prepare, removeFolder } from "./fifoPlace.js"
import { openings, settled } from "./fifoReaders.js"
import { write as writeInTurns } from "./fifoTurns.js"
import { at, commands, made, slots, source, type WorkerData, type WorkerMessage } from "./fifoWorker.js"
import { load } from "./node.js"

export interface FifoOptions extends PlaceOptions {
  /** Who may open it. */
  readonly mode: number
  /** Looks for readers that came at once, so that each gets a copy. */
  readonly countReaders: boolean
  /** How long a reader may take nothing. */
  readonly readTimeoutMillis: number
  /** How long readers that are being served are waited for when the scope closes. */
  readonly shutdownTimeoutMillis: number
  /** Asked for each time somebody reads. */
  readonly snapshot: Effect.Effect<Uint8Array>
}

/** How often it is looked whether the name is still there. */
const lookMillis = 5000
/** How long the thread may take to end, though all that it does takes far less. */
const stuckMillis = 2000

const modules = Effect.promise(async () => ({
  fs: await load<typeof Fs>("node:fs"),
  net: await load<typeof Net>("node:net"),
  os: await load<typeof Os>("node:os"),
  threads: await load<typeof Threads>("node:worker_threads"),
  childProcess: await load<typeof ChildProcess>("node:child_process")
}))

type Modules = Effect.Effect.Success<typeof modules>

/** Serves readers until the scope closes; then the pipe is gone, also where the process ends before that. */
export const serve = (options: FifoOptions): Effect.Effect<Place, PipeError, Scope.Scope> =>
  Effect.gen(function* () {
    const node = yield* modules
    const place = yield* prepare(options)
    yield* makePipe(node, place, options.mode)
    const pipe = yield* Effect.acquireRelease(
      Effect.try({
        try: () => new Pipe(node, place, options),
        catch: (error) => errorOf(place.path, "its thread cannot be started", error)
      }),
      (pipe) => Effect.promise(() => pipe.close())
    )
    // Closed before that: the name goes first, so that nobody comes any more, then those are waited for who have come.
    const run = yield* FiberSet.makeRuntime<never>()
    yield* Effect.addFinalizer(() => Effect.promise(() => pipe.drain(options.shutdownTimeoutMillis)))
    pipe.start(
      (opened) =>
        run(
          Effect.flatMap(options.snapshot, (bytes) => Effect.promise(() => pipe.give(opened, bytes))).pipe(
            Effect.catchAllCause((cause) =>
              Effect.logError(`${place.path}: there is no snapshot`, Cause.squash(cause))
            ),
            Effect.ensuring(Effect.sync(() => pipe.free(opened)))
          )
        ),
      (reason) => run(Effect.logError(`${place.path}: the pipe is gone: ${reason}`))
    )
    return place
  })

/** Node has no call for it. */
const makePipe = (
  { childProcess, fs }: Modules,
  { folder, path }: Place,
  mode: number
): Effect.Effect<void, PipeError> =>
  Effect.async((resume) => {
    const names = Array.from({ length: made }, (_, slot) => `${folder}/${slot}`)
    childProcess.execFile("mkfifo", ["-m", mode.toString(8), ...names], (error) => {
      try {
        if (error !== null) {
          const code: unknown = error.code
          const reason = code === "ENOENT" ? "the program mkfifo is not there" : "mkfifo failed"
          throw new PipeError({ path: folder, reason })
        }
        fs.linkSync(`${folder}/0`, `${folder}/next`)
        fs.renameSync(`${folder}/next`, path)
        resume(Effect.void)
      } catch (error) {
        resume(Effect.fail(errorOf(path, "the pipe cannot be made", error)))
      }
    })
  })

interface Opened {
  readonly slot: number
  readonly fd: number
  socket?: Net.Socket
}

/** Hot state of one pipe. */
class Pipe {
  private readonly numbers = new Int32Array(new SharedArrayBuffer(4 * at.length))
  private readonly inodes = new BigInt64Array(new SharedArrayBuffer(8 * slots))
  private readonly worker: Worker
  private readonly ended: Promise<void>
  private readonly served = new Set<Opened>()
  private timer: ReturnType<typeof setInterval> | undefined
  private isClosed = false
  /** Open for reading, so that the thread goes on. */
  private wakers: Array<number> = []
  private whenIdle: () => void = () => {}

  constructor(
    private readonly node: Modules,
    private readonly place: Place,
    private readonly options: FifoOptions
  ) {
    const data: WorkerData = {
      ...place,
      mode: options.mode.toString(8),
      numbers: this.numbers.buffer,
      inodes: this.inodes.buffer
    }
    // Without what this process was started with, which is for its own code.
    this.worker = new node.threads.Worker(source, {
      eval: true,
      name: "effect-metrics-pipe",
      workerData: { ...data, at, commands, made, slots },
      execArgv: [],
      env: { PATH: process.env["PATH"] },
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 32 }
    })
    this.worker.unref()
    this.inodes[0] = node.fs.lstatSync(`${place.folder}/0`, { bigint: true }).ino
    this.ended = new Promise((resolve) => this.worker.once("exit", () => resolve()))
  }

  start(opened: (opened: Opened) => void, failed: (reason: string) => void): void {
    const fail = (reason: string): void => {
      if (this.isClosed) return
      this.remove()
      failed(reason)
    }
    this.worker.on("error", (error) => fail(error instanceof Error ? error.message : String(error)))
    this.worker.on("message", (message: WorkerMessage) => {
      if (message.tag === "failed") fail(message.reason)
      else if (message.tag === "renamed") this.closeWakers()
      else {
        const one: Opened = { ...message }
        this.served.add(one)
        if (this.isClosed) this.free(one)
        else opened(one)
      }
    })
    this.timer = setInterval(() => this.look(), lookMillis).unref()
    process.on("exit", this.atExit)
  }

  /** Resolves when the reader has taken it all, or has left, or takes nothing any more. Never rejects. */
  async give(opened: Opened, bytes: Uint8Array): Promise<void> {
    if (this.options.countReaders && (await this.giveInTurns(opened, bytes))) return
    await new Promise<void>((resolve) => {
      const { net } = this.node
      const socket = new net.Socket({ fd: opened.fd, readable: false, writable: true })
      opened.socket = socket
      // A reader is no reason for a process to go on.
      socket.unref()
      socket.once("close", () => resolve())
      // It left, which readers may.
      socket.on("error", () => {})
      socket.setTimeout(this.options.readTimeoutMillis, () => socket.destroy())
      socket.end(bytes)
    })
  }

  private async giveInTurns(opened: Opened, bytes: Uint8Array): Promise<boolean> {
    const { fs, os } = this.node
    const pipe = { path: this.place.path, inode: this.inodes[opened.slot]! }
    const readers = await settled(fs, os.availableParallelism(), pipe)
    if (openings(readers) < 2) return false
    let fd: number
    try {
      // The thread's own would keep this one waiting.
      fd = fs.openSync(`/proc/self/fd/${opened.fd}`, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)
    } catch {
      return false
    }
    try {
      return await writeInTurns(fs, fd, bytes, pipe, readers)
    } finally {
      fs.closeSync(fd)
    }
  }

  /** When nobody is served any more, its pipe may get the name again. */
  free(opened: Opened): void {
    if (!this.served.delete(opened)) return
    if (opened.socket === undefined) this.node.fs.closeSync(opened.fd)
    else opened.socket.destroy()
    const release = (): void => {
      Atomics.store(this.numbers, at.busy + opened.slot, 0)
      Atomics.notify(this.numbers, at.busy + opened.slot)
      if (this.served.size === 0) this.whenIdle()
    }
    if (opened.socket === undefined || opened.socket.closed) release()
    else opened.socket.once("close", release)
  }

  /** Nobody comes any more; waits for those who are there. */
  async drain(millis: number): Promise<void> {
    this.end()
    if (this.served.size === 0) return
    let timer: ReturnType<typeof setTimeout> | undefined
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, millis)
      this.whenIdle = resolve
    })
    clearTimeout(timer)
  }

  async close(): Promise<void> {
    this.end()
    for (const opened of [...this.served]) this.free(opened)
    await Promise.race([this.ended, new Promise((resolve) => setTimeout(resolve, stuckMillis).unref())])
    this.closeWakers()
    for (let slot = 0; slot < slots; slot++) {
      const handle = this.numbers[at.handle + slot]!
      if (handle > 0) this.node.fs.closeSync(handle)
    }
  }

  private readonly atExit = (): void => {
    this.end()
    removeFolder(this.node.fs, this.place.folder)
  }

  /** Synchronous, as when a process exits nothing else is done. */
  private end(): void {
    if (this.isClosed) return
    this.isClosed = true
    clearInterval(this.timer)
    process.off("exit", this.atExit)
    Atomics.store(this.numbers, at.command, commands.stop)
    this.remove()
    this.wake()
  }

  /** Takes the name away from a pipe, if it is one of these. */
  private remove(): void {
    try {
      const stats = this.node.fs.lstatSync(this.place.path, { bigint: true, throwIfNoEntry: false })
      if (stats !== undefined && this.inodes.includes(stats.ino)) this.node.fs.unlinkSync(this.place.path)
    } catch {
      // It has been made impossible since, and there is nobody to tell.
    }
  }

  /** The thread waits for a reader: this is one. */
  private wake(): void {
    const { fs } = this.node
    const { O_RDONLY, O_NONBLOCK } = fs.constants
    const current = this.numbers[at.current]!
    const handle = this.numbers[at.handle + current]!
    for (const name of [`/proc/self/fd/${handle}`, `${this.place.folder}/${current}`]) {
      try {
        this.wakers.push(fs.openSync(name, O_RDONLY | O_NONBLOCK))
        return
      } catch {
        // The other way.
      }
    }
  }

  private closeWakers(): void {
    for (const fd of this.wakers) this.node.fs.closeSync(fd)
    this.wakers = []
  }

  /** Gives it back its name, which some readers of statvent's take away from those that do not answer at once. */
  private look(): void {
    if (this.node.fs.lstatSync(this.place.path, { throwIfNoEntry: false }) !== undefined) return
    Atomics.compareExchange(this.numbers, at.command, commands.none, commands.rename)
    this.wake()
  }
}
