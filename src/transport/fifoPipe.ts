/** A pipe's side in the app: gives readers what they came for, and cleans up. */
import { Effect } from "effect"
import type * as ChildProcess from "node:child_process"
import type * as Fs from "node:fs"
import type * as Net from "node:net"
import type * as Os from "node:os"
import type { Worker } from "node:worker_threads"
import type * as Threads from "node:worker_threads"
import { type Place, removeFolder } from "./fifoPlace.js"
import { openings, settled } from "./fifoReaders.js"
import { write } from "./fifoTurns.js"
import { at, commands, made, slots, source, type WorkerData, type WorkerMessage } from "./fifoWorker.js"
import { load } from "./node.js"

export const modules = Effect.promise(async () => ({
  fs: await load<typeof Fs>("node:fs"),
  net: await load<typeof Net>("node:net"),
  os: await load<typeof Os>("node:os"),
  threads: await load<typeof Threads>("node:worker_threads"),
  childProcess: await load<typeof ChildProcess>("node:child_process")
}))

export type Modules = Effect.Effect.Success<typeof modules>

interface PipeOptions {
  readonly mode: number
  readonly countReaders: boolean
  readonly readTimeoutMillis: number
}

/** How often it is looked whether the name is still there. */
const lookMillis = 5000
/** How long the thread may take to end, though all that it does takes far less. */
const stuckMillis = 2000

/** One that somebody reads. */
export interface Opened {
  readonly slot: number
  readonly fd: number
  socket?: Net.Socket
}

/** One listener for all of them, as Node warns of many. */
const pipes = new Set<Pipe>()
const atExit = (): void => {
  for (const pipe of pipes) pipe.atExit()
}

/** Hot state of one pipe. */
export class Pipe {
  private readonly numbers = new Int32Array(new SharedArrayBuffer(4 * at.length))
  private readonly inodes = new BigInt64Array(new SharedArrayBuffer(8 * slots))
  private readonly worker: Worker
  private readonly ended: Promise<void>
  private readonly served = new Set<Opened>()
  private readonly timer: ReturnType<typeof setInterval>
  private hasName = true
  /** Since the thread went on for the last time without a reader. */
  private hasServed = false
  private isClosed = false
  /** Open for reading, so that the thread goes on. */
  private wakers: Array<number> = []
  private whenIdle: () => void = () => {}

  constructor(
    private readonly node: Modules,
    private readonly place: Place,
    private readonly options: PipeOptions,
    opened: (pipe: Pipe, opened: Opened) => void,
    failed: (reason: string) => void
  ) {
    const data: WorkerData = {
      ...place,
      mode: options.mode.toString(8),
      // Whoever ends a thread of an app's from outside waits for the threads that it started, and nobody would wake this one.
      isWaiting: node.threads.isMainThread,
      numbers: this.numbers.buffer,
      inodes: this.inodes.buffer
    }
    this.inodes[0] = node.fs.lstatSync(`${place.folder}/0`, { bigint: true }).ino
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
    this.ended = new Promise((resolve) => this.worker.once("exit", () => resolve()))
    const fail = (reason: string): void => {
      if (!this.hasName) return
      this.removeName()
      failed(reason)
    }
    this.worker.on("error", (error) => fail(error instanceof Error ? error.message : String(error)))
    this.worker.on("exit", () => fail("its thread has ended"))
    this.worker.on("message", (message: WorkerMessage) => {
      if (message.tag === "failed") return fail(message.reason)
      const one: Opened = { slot: message.slot, fd: message.fd }
      const wasWoken = this.wakers.length > 0
      this.closeWakers()
      this.served.add(one)
      if (this.isClosed || (wasWoken && !this.isRead(one))) return this.free(one)
      this.hasServed = true
      opened(this, one)
    })
    // Only now, as listening to it is a reason to go on.
    this.worker.unref()
    this.timer = setInterval(() => this.look(), lookMillis).unref()
    if (pipes.size === 0) process.on("exit", atExit)
    pipes.add(this)
  }

  /** Resolves when the reader has taken it all, or has left, or takes nothing any more. Never rejects. */
  async give(opened: Opened, bytes: Uint8Array): Promise<void> {
    if (this.options.countReaders && (await this.giveInTurns(opened, bytes))) return
    if (!this.served.has(opened)) return
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
    if (openings(readers) < 2 || !this.served.has(opened)) return false
    let fd: number
    try {
      // The thread's own would keep this one waiting.
      fd = this.reopen(opened)
    } catch {
      return false
    }
    try {
      return await write(fs, fd, bytes, pipe, readers, () => this.served.has(opened))
    } finally {
      fs.closeSync(fd)
    }
  }

  /** For writing without waiting. Fails where nobody reads. */
  private reopen({ fd, slot }: Opened): number {
    const { fs } = this.node
    const flags = fs.constants.O_WRONLY | fs.constants.O_NONBLOCK
    return fs.openSync(
      this.numbers[at.handle + slot]! > 0 ? `/proc/self/fd/${fd}` : `${this.place.folder}/${slot}`,
      flags
    )
  }

  private isRead(opened: Opened): boolean {
    try {
      this.node.fs.closeSync(this.reopen(opened))
      return true
    } catch {
      return false
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

  /** The name goes first, so that nobody comes any more; then those are waited for who have come. */
  async close(shutdownTimeoutMillis: number): Promise<void> {
    this.removeName()
    // Of who opened it just now is told before the thread ends.
    const idle = this.ended.then(() =>
      this.served.size === 0 ? undefined : new Promise<void>((resolve) => (this.whenIdle = resolve))
    )
    await within(shutdownTimeoutMillis, idle)
    this.isClosed = true
    for (const opened of [...this.served]) this.free(opened)
    await within(stuckMillis, this.ended)
    this.closeWakers()
    for (let slot = 0; slot < slots; slot++) this.closeHandle(slot)
  }

  private closeHandle(slot: number): void {
    const handle = Atomics.exchange(this.numbers, at.handle + slot, 0)
    if (handle > 0) this.node.fs.closeSync(handle)
  }

  /** When a process exits nothing else is done, and it waits for the thread. */
  atExit(): void {
    this.removeName()
    removeFolder(this.node.fs, this.place.folder)
  }

  /** Ends the thread, and takes the name away from a pipe, if it is one of these. */
  private removeName(): void {
    if (!this.hasName) return
    this.hasName = false
    clearInterval(this.timer)
    pipes.delete(this)
    if (pipes.size === 0) process.off("exit", atExit)
    Atomics.store(this.numbers, at.command, commands.stop)
    Atomics.notify(this.numbers, at.command)
    try {
      const stats = this.node.fs.lstatSync(this.place.path, { bigint: true, throwIfNoEntry: false })
      if (stats !== undefined && this.inodes.includes(stats.ino)) this.node.fs.unlinkSync(this.place.path)
    } catch {
      // It has been made impossible since, and there is nobody to tell.
    }
    if (this.wake()) return
    // Perhaps as too many files are open, and whoever exits would wait for the thread for ever.
    const current = Atomics.load(this.numbers, at.current)
    for (let slot = 0; slot < slots; slot++) if (slot !== current) this.closeHandle(slot)
    this.wake()
  }

  /** The thread waits for a reader: this is one. */
  private wake(): boolean {
    const { fs } = this.node
    const { O_RDONLY, O_NONBLOCK } = fs.constants
    const current = Atomics.load(this.numbers, at.current)
    const handle = Atomics.load(this.numbers, at.handle + current)
    const name = handle > 0 ? `/proc/self/fd/${handle}` : `${this.place.folder}/${current}`
    try {
      this.wakers.push(fs.openSync(name, O_RDONLY | O_NONBLOCK))
      return true
    } catch {
      return false
    }
  }

  private closeWakers(): void {
    for (const fd of this.wakers) this.node.fs.closeSync(fd)
    this.wakers = []
  }

  /** Gives it back its name, which some readers of statvent's take away from those that do not answer at once. */
  private look(): void {
    const isThere = this.node.fs.lstatSync(this.place.path, { throwIfNoEntry: false }) !== undefined
    if (isThere && !this.hasServed) return
    // Whoever the thread finds, the next pipe gets the name, and who came too late to one before is let go.
    this.hasServed = false
    this.wake()
  }
}

/** Until it is done, or the time is over. */
const within = async (millis: number, done: Promise<unknown>): Promise<void> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  await Promise.race([done, new Promise((resolve) => (timer = setTimeout(resolve, millis)))])
  clearTimeout(timer)
}
