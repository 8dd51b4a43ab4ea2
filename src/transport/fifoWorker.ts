/**
 * The thread that waits for readers. Opening a pipe for writing waits until somebody reads it, which may be never, and nothing
 * but a thread of its own may be kept waiting for that: Node has four for all files and names.
 *
 * As soon as a reader is there, another pipe gets the name, so that the next reader gets that one. Who comes in between, while
 * this thread is being woken, has opened the same pipe: that is what `fifoTurns` is for.
 */

/** Pipes that can be read at once, each by at least one. */
export const slots = 64

/** Those that there are from the start: making one takes milliseconds, in which readers would meet. */
export const made = 8

/** Where in the shared numbers: what the thread is asked; the pipe that has the name; who is busy; handles on pipes. */
export const at = { command: 0, current: 1, busy: 2, handle: 2 + slots, length: 2 + 2 * slots } as const

export const commands = { none: 0, stop: 1 } as const

export interface WorkerData {
  /** The name that readers know. */
  readonly path: string
  /** Where the pipes are, by the numbers of their slots. The first are there. */
  readonly folder: string
  /** In octal. */
  readonly mode: string
  /** Waits for a reader in a call of the system, out of which only a reader gets it; else it looks for one again and again. */
  readonly isWaiting: boolean
  /** `Int32Array`, as in {@link at}. */
  readonly numbers: SharedArrayBuffer
  /** `BigInt64Array`: the inode of each slot's pipe. */
  readonly inodes: SharedArrayBuffer
}

export type WorkerMessage =
  /** Somebody reads the pipe of a slot, or did. */
  | { readonly tag: "opened"; readonly slot: number; readonly fd: number }
  | { readonly tag: "failed"; readonly reason: string }

/**
 * What the thread runs: text, so that it needs no file of its own when the library is bundled. Blocking calls only.
 *
 * A slot's pipe is opened through a handle from when it was made, so nobody can put another in its place. It is used again
 * once nobody has it open.
 */
export const source = `
"use strict"
const fs = require("node:fs")
const { execFileSync } = require("node:child_process")
const { parentPort, workerData } = require("node:worker_threads")
const { at, commands, folder, isWaiting, made, mode, path, slots } = workerData
const numbers = new Int32Array(workerData.numbers)
const inodes = new BigInt64Array(workerData.inodes)
const { O_CLOEXEC = 0o2000000, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = fs.constants
const O_PATH = 0o10000000
const hasHandles = process.platform === "linux" && fs.existsSync("/proc/self/fd")
const uid = process.getuid()
const nameOf = (slot) => folder + "/" + slot
const next = folder + "/next"
const isStopped = () => Atomics.load(numbers, at.command) === commands.stop

const make = (slot) => {
  const name = nameOf(slot)
  try { fs.unlinkSync(name) } catch {}
  // By a cleaner of temporary files, perhaps.
  try { fs.mkdirSync(folder, { mode: 0o700 }) } catch {}
  execFileSync("mkfifo", ["-m", mode, name], { stdio: "ignore" })
  adopt(slot)
}

const adopt = (slot) => {
  const old = Atomics.exchange(numbers, at.handle + slot, 0)
  if (old > 0) fs.closeSync(old)
  let handle = 0
  if (hasHandles) {
    handle = fs.openSync(nameOf(slot), O_PATH | O_NOFOLLOW | O_CLOEXEC)
    Atomics.store(numbers, at.handle + slot, handle)
  }
  // What is looked at is what will be written to, whatever has the name by then.
  const stats = handle > 0 ? fs.fstatSync(handle, { bigint: true }) : fs.lstatSync(nameOf(slot), { bigint: true })
  if (!stats.isFIFO() || Number(stats.uid) !== uid) throw new Error("it was replaced before it had its name")
  Atomics.store(inodes, slot, stats.ino)
}

const openable = (slot) => {
  const handle = Atomics.load(numbers, at.handle + slot)
  return handle > 0 ? "/proc/self/fd/" + handle : nameOf(slot)
}

/** Whether its pipe can be given to a new reader. */
const isFree = (slot) => {
  if (inodes[slot] === 0n) return false
  try {
    fs.closeSync(fs.openSync(openable(slot), O_WRONLY | O_NONBLOCK))
    return false
  } catch (error) {
    return error.code === "ENXIO" && inodeOf(nameOf(slot)) === inodes[slot]
  }
}

const inodeOf = (name) => {
  const stats = fs.lstatSync(name, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? undefined : stats.isFIFO() && Number(stats.uid) === uid ? stats.ino : -1n
}

/**
 * Whoever was kept from running in the midst of opening a pipe that lost the name meanwhile, and has been written, waits for a
 * writer: this was one.
 */
const letGo = (current) => {
  for (let slot = 0; slot < slots; slot++) {
    if (slot !== current && inodes[slot] !== 0n && Atomics.load(numbers, at.busy + slot) === 0) isFree(slot)
  }
}

/** Gives a free pipe a second name, from where it can be moved to the one that readers know. */
const prepare = (current) => {
  for (;;) {
    for (let i = 1; i < slots; i++) {
      // In turn, as one that was just read is likely to be open still.
      const slot = current < made && i < made ? (current + i) % made : i
      if (slot === current || Atomics.load(numbers, at.busy + slot) !== 0) continue
      if (!isFree(slot)) make(slot)
      try { fs.unlinkSync(next) } catch {}
      fs.linkSync(nameOf(slot), next)
      return slot
    }
    if (isStopped()) return -1
    Atomics.wait(numbers, at.busy + (current === 0 ? 1 : 0), 1, 20)
  }
}

const publish = (current, slot) => {
  const found = inodeOf(path)
  if (found !== undefined && found !== inodes[current]) throw new Error("something else has its name, and is left there")
  // A move takes a name away, so only from a pipe of these.
  const rename = found === undefined ? fs.linkSync : fs.renameSync
  try {
    rename(next, path)
  } catch (error) {
    if (error.code !== "ENOENT") throw error
    make(slot)
    fs.linkSync(nameOf(slot), next)
    rename(next, path)
  }
}

/** Once somebody reads it. */
const openForWriting = (slot) => {
  if (isWaiting) return fs.openSync(openable(slot), O_WRONLY)
  for (;;) {
    try {
      return fs.openSync(openable(slot), O_WRONLY | O_NONBLOCK)
    } catch (error) {
      if (error.code !== "ENXIO") throw error
    }
    if (isStopped()) return -1
    Atomics.wait(numbers, at.command, commands.none, 20)
  }
}

const serve = () => {
  for (let slot = 0; slot < made; slot++) adopt(slot)
  let current = 0
  for (;;) {
    letGo(current)
    const following = prepare(current)
    Atomics.store(numbers, at.current, current)
    if (following === -1 || isStopped()) return
    const fd = openForWriting(current)
    if (fd === -1) return
    const stats = fs.fstatSync(fd, { bigint: true })
    if (stats.ino !== inodes[current] || Number(stats.uid) !== uid) throw new Error("it was replaced")
    try {
      if (!isStopped()) publish(current, following)
    } finally {
      Atomics.store(numbers, at.busy + current, 1)
      parentPort.postMessage({ tag: "opened", slot: current, fd })
    }
    if (isStopped()) return
    current = following
  }
}

try {
  serve()
} catch (error) {
  parentPort.postMessage({ tag: "failed", reason: error.code === undefined ? error.message : error.code })
}
`
