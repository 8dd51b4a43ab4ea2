/**
 * Where a pipe is: a folder that others cannot tamper with, and a name in it that nobody else has. Beside it is a folder of this
 * process alone, in which its pipes are made before they get the name.
 */
import { Effect } from "effect"
import type * as Fs from "node:fs"
import type * as Os from "node:os"
import type * as Path from "node:path"
import { PipeError } from "./fifoFailure.js"
import { load } from "./node.js"

/**
 * Where pipes are unless something else is said: in `$XDG_RUNTIME_DIR`, if that is this user's, or a folder in that for
 * temporary files with the user's number in its name.
 */
export const defaultDirectory: Effect.Effect<string> = Effect.promise(async () => {
  const { lstatSync } = await load<typeof Fs>("node:fs")
  const { tmpdir, userInfo } = await load<typeof Os>("node:os")
  const { isAbsolute, join } = await load<typeof Path>("node:path")
  const uid = process.getuid?.() ?? userInfo().uid
  const runtime = process.env["XDG_RUNTIME_DIR"]
  // It may be left from who this was before.
  const isOurs = (folder: string): boolean => {
    try {
      return lstatSync(folder).uid === uid
    } catch {
      return false
    }
  }
  return runtime !== undefined && isAbsolute(runtime) && isOurs(runtime)
    ? join(runtime, "effect-metrics")
    : join(tmpdir(), `effect-metrics-${uid}`)
})

export interface PlaceOptions {
  /** One that is not there is made, but not those above it. Default: see {@link defaultDirectory}. */
  readonly dir: string | undefined
  /** Other users have their pipes there as well. */
  readonly isShared: boolean
  /** The pipe's. */
  readonly name: string
}

export interface Place {
  /** The pipe's. Absolute. */
  readonly path: string
  /** This process's own. On the same device. */
  readonly folder: string
}

const ending = ".stats"

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : "EIO"

const meanings: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  ENOENT: "the folder above it does not exist",
  ENOSPC: "the device is full",
  EROFS: "the device is read-only"
}

export const errorOf = (path: string, what: string, error: unknown): PipeError => {
  if (error instanceof PipeError) return error
  const code = codeOf(error)
  return new PipeError({
    path,
    reason: `${what}: ${meanings[code] === undefined ? code : `${meanings[code]} (${code})`}`
  })
}

/** Pipes of this process. */
const taken = new Set<string>()

/** Checks what is there, makes what is not, and gives the folder back with the scope. */
export const prepare = ({ dir, isShared, name }: PlaceOptions) =>
  Effect.gen(function* () {
    const fs = yield* Effect.promise(() => load<typeof Fs>("node:fs"))
    const { basename, dirname, join, resolve } = yield* Effect.promise(() => load<typeof Path>("node:path"))
    const uid = process.getuid?.()
    if (uid === undefined) {
      return yield* new PipeError({ path: name, reason: "this system has no pipes in its file system" })
    }
    const given = resolve(dir ?? (yield* defaultDirectory))

    return yield* Effect.acquireRelease(
      Effect.try({
        try: (): Place => {
          const rules = { uid, isShared, isOwn: dir === undefined }
          const parent = prepareDirectory(fs, given, rules)
          for (let above = parent; above !== dirname(above); above = dirname(above))
            checkAbove(fs, dirname(above), given)
          const path = join(parent, name + ending)
          if (taken.has(path)) {
            throw new PipeError({ path, reason: "this process has this pipe already: give one of the two a suffix" })
          }
          // Readers of statvent's open whatever a folder holds, and fail over another folder in it.
          const candidates = isShared
            ? [
                { in: dirname(parent), start: `.${basename(parent)}-` },
                { in: parent, start: "." }
              ]
            : [{ in: parent, start: "." }]
          clearPath(fs, path, candidates, uid)
          const folder = makeFolder(fs, candidates, `${process.pid}-`, fs.statSync(parent).dev)
          try {
            clearDead(fs, candidates, parent, uid)
          } catch {
            // What others change in the meantime is in nobody's way.
          }
          taken.add(path)
          return { path, folder }
        },
        catch: (error) => errorOf(given, "there can be no pipe in it", error)
      }),
      ({ folder, path }) =>
        Effect.sync(() => {
          taken.delete(path)
          removeFolder(fs, folder)
        })
    )
  })

const prepareDirectory = (
  fs: typeof Fs,
  dir: string,
  { isOwn, isShared, uid }: { readonly uid: number; readonly isShared: boolean; readonly isOwn: boolean }
): string => {
  try {
    fs.mkdirSync(dir, { mode: 0o700 })
    // Not by the mode above, from which the process's mask is taken.
    if (isShared) fs.chmodSync(dir, 0o1777)
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw errorOf(dir, "the folder cannot be made", error)
  }
  const refuse = (reason: string): never => {
    throw new PipeError({ path: dir, reason })
  }
  if (fs.lstatSync(dir).isSymbolicLink()) refuse("it is a symbolic link, and not a folder")
  // As the system tells of files that are open. No more links are followed, so what is looked at is what is used.
  const real = fs.realpathSync(dir)
  const stats = fs.lstatSync(real)
  if (!stats.isDirectory()) refuse("it is not a folder")
  const isSticky = (stats.mode & 0o1000) !== 0
  const isTrusted = stats.uid === uid || (stats.uid === 0 && !isOwn)
  if (!isTrusted && !(isShared && isSticky)) refuse("it belongs to another user")
  if ((stats.mode & 0o022) !== 0 && !(isSticky && !isOwn)) {
    refuse("other users could replace what is in it: take the right to write from them, or set the sticky bit")
  }
  return real
}

/** Whoever may rename a folder could put another in its place. */
const checkAbove = (fs: typeof Fs, folder: string, dir: string): void => {
  const { mode } = fs.lstatSync(folder)
  if ((mode & 0o002) === 0 || (mode & 0o1000) !== 0) return
  throw new PipeError({ path: dir, reason: `other users could replace it, as they may write to ${folder}` })
}

interface Candidate {
  readonly in: string
  /** What the folder's name starts with. */
  readonly start: string
}

/** Removes a pipe of ours that a process with the same number left behind. */
const clearPath = (fs: typeof Fs, path: string, candidates: ReadonlyArray<Candidate>, uid: number): void => {
  const stats = fs.lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (!stats.isFIFO()) {
    throw new PipeError({ path, reason: `it is ${stats.isSymbolicLink() ? "a symbolic link, and " : ""}not a pipe` })
  }
  if (stats.uid !== uid) throw new PipeError({ path, reason: "it belongs to another user" })
  if (pipesInUse(fs, candidates, uid).has(stats.ino) || hasWriter(fs, path)) {
    throw new PipeError({
      path,
      reason: "another process writes it: one with the same number in another container? Give this one a suffix"
    })
  }
  fs.unlinkSync(path)
}

/** Whether somebody writes a pipe, or waits for a reader. That sees a reader, which leaves at once. */
const hasWriter = (fs: typeof Fs, path: string): boolean => {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants
  const fd = fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
  try {
    return fs.readSync(fd, new Uint8Array(1)) > 0
  } catch (error) {
    return codeOf(error) === "EAGAIN"
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * A pipe in the folder that is no reader's: it is open for writing for as long as its process is there, in whatever container,
 * while the others are only as far as their thread has come, which a busy machine keeps from running.
 */
const sign = "alive"
/** What it is called until it is open. */
export const unopened = "unopened"
/** How long a folder may be there without the sign. */
const startMillis = 10_000

/** Opens the sign, which is there as {@link unopened}, until what this gives is closed. */
export const showLife = (fs: typeof Fs, folder: string): number => {
  const { O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants
  // Who writes must not wait for a reader.
  const reader = fs.openSync(`${folder}/${unopened}`, O_RDONLY | O_NONBLOCK)
  try {
    const fd = fs.openSync(`${folder}/${unopened}`, O_WRONLY | O_NONBLOCK)
    fs.renameSync(`${folder}/${unopened}`, `${folder}/${sign}`)
    return fd
  } finally {
    fs.closeSync(reader)
  }
}

interface Folder {
  readonly path: string
  /** Of the process that made it, in its container. */
  readonly pid: number
}

/** This user's, of all processes. */
const foldersIn = (fs: typeof Fs, candidates: ReadonlyArray<Candidate>, uid: number): ReadonlyArray<Folder> =>
  candidates.flatMap(({ in: above, start }) =>
    list(fs, above).flatMap((name) => {
      const pid = name.startsWith(start) ? /^(\d+)-\w{6}$/.exec(name.slice(start.length))?.[1] : undefined
      if (pid === undefined) return []
      const path = `${above}/${name}`
      const stats = fs.lstatSync(path, { throwIfNoEntry: false })
      return stats?.isDirectory() === true && stats.uid === uid ? [{ path, pid: Number(pid) }] : []
    })
  )

const isInUse = (fs: typeof Fs, { path }: Folder, uid: number): boolean => {
  const isWritten = (name: string): boolean => {
    try {
      return isOurs(fs, `${path}/${name}`, uid) && hasWriter(fs, `${path}/${name}`)
    } catch (error) {
      // Whatever else keeps it from being looked at, it is there.
      return codeOf(error) !== "ENOENT"
    }
  }
  const names = list(fs, path)
  if (names.includes(sign)) return isWritten(sign)
  // It is being made, or was left before it was done.
  const madeMillis = fs.lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return Date.now() - madeMillis < startMillis || names.some(isWritten)
}

/** Of processes of this user's that are there, by their inodes: under whatever names they are. */
const pipesInUse = (fs: typeof Fs, candidates: ReadonlyArray<Candidate>, uid: number): ReadonlySet<number> => {
  const inodes = new Set<number>()
  for (const folder of foldersIn(fs, candidates, uid)) {
    if (!isInUse(fs, folder, uid)) continue
    for (const name of list(fs, folder.path)) {
      const stats = fs.lstatSync(`${folder.path}/${name}`, { throwIfNoEntry: false })
      if (stats !== undefined) inodes.add(stats.ino)
    }
  }
  return inodes
}

/** In the first place that is on the device, as a name can only be given to what is on the same. */
const makeFolder = (fs: typeof Fs, candidates: ReadonlyArray<Candidate>, ending: string, dev: number): string => {
  let failure: unknown
  for (const { in: above, start } of candidates) {
    try {
      // Only ours may go there, and it has a name that nobody can have known.
      const folder = fs.mkdtempSync(`${above}/${start}${ending}`)
      if (fs.statSync(folder).dev === dev) return folder
      fs.rmdirSync(folder)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/** Folders and pipes of ours whose processes were killed. One in another container is dead for us, but has its pipe. */
const clearDead = (fs: typeof Fs, candidates: ReadonlyArray<Candidate>, parent: string, uid: number): void => {
  const isDead = (pid: number): boolean => pid > 0 && pid !== process.pid && !isAlive(pid)
  for (const folder of foldersIn(fs, candidates, uid)) {
    if (isDead(folder.pid) && !isInUse(fs, folder, uid)) removeFolder(fs, folder.path)
  }
  const dead = list(fs, parent).filter((name) => isDead(Number(/^(\d+)(?:-.*)?\.stats$/.exec(name)?.[1] ?? 0)))
  if (dead.length === 0) return
  const inUse = pipesInUse(fs, candidates, uid)
  for (const name of dead) {
    const path = `${parent}/${name}`
    const stats = fs.lstatSync(path, { throwIfNoEntry: false })
    if (stats?.isFIFO() !== true || stats.uid !== uid || inUse.has(stats.ino)) continue
    if (!hasWriter(fs, path)) fs.unlinkSync(path)
  }
}

const list = (fs: typeof Fs, folder: string): ReadonlyArray<string> => {
  try {
    return fs.readdirSync(folder)
  } catch {
    return []
  }
}

const isOurs = (fs: typeof Fs, path: string, uid: number): boolean => {
  const stats = fs.lstatSync(path, { throwIfNoEntry: false })
  return stats?.isFIFO() === true && stats.uid === uid
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== "ESRCH"
  }
}

/** With the pipes in it that are this user's, and nothing else. */
export const removeFolder = (fs: typeof Fs, folder: string): void => {
  try {
    const uid = process.getuid?.() ?? -1
    for (const name of fs.readdirSync(folder)) {
      if (isOurs(fs, `${folder}/${name}`, uid)) fs.unlinkSync(`${folder}/${name}`)
    }
    fs.rmdirSync(folder)
  } catch {
    // Somebody else has removed it, or put something into it.
  }
}
