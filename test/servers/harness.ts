/**
 * Real servers for tests, each on a free port of the loopback interface, with its data in a temporary folder.
 * `scripts/servers.mjs` fetches them.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const cache = process.env["EFFECT_METRICS_CACHE"] ?? fileURLToPath(new URL("../../.cache/servers", import.meta.url))

/** Where the server's binary is; `undefined` if it is not to be had here. */
export const find = (name: string, binary: string): string | undefined => {
  const cached = join(cache, name, "usr/bin", binary)
  if (existsSync(cached)) return cached
  const { status, stdout } = spawnSync("sh", ["-c", `command -v ${binary}`], { encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

const influxd = find("influxdb", "influxd")
const victoria = find("victoria-metrics", "victoria-metrics")

/** Why the tests of a server do not run here; `false` if they do. In CI a missing server is a failure. */
export const missing = (name: string, path: string | undefined): string | false => {
  if (path !== undefined) return false
  if (process.env["CI"] === "true")
    throw new Error(`${name} is missing, and CI must test against it: run npm run servers`)
  return `${name} is not to be had here`
}

export const noInfluxDb = missing("influxdb", influxd)
export const noVictoriaMetrics = missing("victoria-metrics", victoria)

export interface Server {
  readonly url: string
  readonly port: number
  /** The end of what it has printed, on either stream. */
  readonly output: () => string
  /** Sends a signal to the server, and to nothing else. */
  readonly signal: (signal: NodeJS.Signals) => void
  /** Kills it without warning. */
  readonly kill: () => Promise<void>
  /** Starts it again on the same port and data. */
  readonly restart: () => Promise<void>
  /** Ends it and removes its data. */
  readonly stop: () => Promise<void>
}

/**
 * Below those that the system gives to whoever asks for any, as all sockets that connect do: such a one may come by a port that
 * is free before whom it is for has it, or while that is being started again. Tests that run beside each other have some each.
 */
const portsFrom = 10_000
const portsOfOne = 2_000
const firstPort = portsFrom + portsOfOne * (Number(process.env["VITEST_POOL_ID"] ?? 0) % 11)
// Not from the same one in each file: other runs of tests on this machine have the same.
let portsGiven = Math.floor(Math.random() * (portsOfOne / 2))

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.on("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

/** Nobody else is given it. The next one is free as well: a broker's workers connect to that unless told otherwise. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < portsOfOne; tries++) {
    const port = firstPort + 2 * (portsGiven++ % (portsOfOne / 2))
    if ((await isFree(port)) && (await isFree(port + 1))) return port
  }
  throw new Error(`no port from ${firstPort} to ${firstPort + portsOfOne - 1} is free`)
}

/** `ended` throws where there is nothing to wait for any more. */
const poll = async (ready: () => Promise<boolean>, ended: () => void, what: string): Promise<void> => {
  const end = Date.now() + 40_000
  while (!(await ready().catch(() => false))) {
    ended()
    if (Date.now() > end) throw new Error(`${what} did not become ready within 40 s`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const maxOutput = 65_536

/** It is ready when it answers with 200 at a path, or when a function says so. */
export const start = async (
  name: string,
  command: string,
  argumentsFor: (folder: string, port: number) => ReadonlyArray<string> | Promise<ReadonlyArray<string>>,
  ready: string | ((port: number) => Promise<boolean>),
  environment: Readonly<Record<string, string>> = {}
): Promise<Server> => {
  const folder = mkdtempSync(join(tmpdir(), `effect-metrics-${name}-`))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const args = await argumentsFor(folder, port)
  let child: ChildProcess | undefined
  let output = ""
  const launch = async (): Promise<void> => {
    const launched = spawn(command, args, {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"]
    })
    child = launched
    for (const stream of [launched.stdout, launched.stderr])
      stream.on("data", (text) => (output = (output + text).slice(-maxOutput)))
    const isReady = async (): Promise<boolean> =>
      typeof ready === "function" ? ready(port) : (await fetch(url + ready, { signal: AbortSignal.timeout(1000) })).ok
    const ended = (): void => {
      if (launched.exitCode !== null || launched.signalCode !== null) throw new Error(`${name} ended`)
    }
    await poll(isReady, ended, name).catch((error: unknown) => {
      launched.kill("SIGKILL")
      throw new Error(`${String(error)}\n${output.slice(-4000)}`)
    })
  }
  const end = (signal: NodeJS.Signals): Promise<void> =>
    new Promise((resolve) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return resolve()
      child.once("exit", () => resolve())
      child.kill("SIGCONT")
      child.kill(signal)
    })
  // A test run that is cut short must leave neither a server nor its data behind.
  const atExit = (): void => {
    child?.kill("SIGKILL")
    // It may be writing still.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  process.once("exit", atExit)
  const forget = (): void => {
    process.off("exit", atExit)
    rmSync(folder, { recursive: true, force: true })
  }
  await launch().catch(async (error: unknown) => {
    await end("SIGKILL")
    forget()
    throw error
  })
  return {
    url,
    port,
    output: () => output,
    signal: (signal) => void child?.kill(signal),
    kill: () => end("SIGKILL"),
    restart: launch,
    stop: async () => {
      await end("SIGKILL")
      forget()
    }
  }
}

const influxConfig = (
  folder: string,
  port: number,
  rpcPort: number,
  options: { readonly auth?: boolean; readonly maxBodySize?: number }
): string => `
reporting-disabled = true
bind-address = "127.0.0.1:${rpcPort}"
[meta]
  dir = "${folder}/meta"
[data]
  dir = "${folder}/data"
  wal-dir = "${folder}/wal"
  index-version = "inmem"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  auth-enabled = ${options.auth === true}
  log-enabled = false
  max-body-size = ${options.maxBodySize ?? 25_000_000}
`

/** InfluxDB 1. */
export const influxDb = (options: { readonly auth?: boolean; readonly maxBodySize?: number } = {}): Promise<Server> =>
  start(
    "influxdb",
    influxd!,
    async (folder, port) => {
      const file = join(folder, "influxdb.conf")
      writeFileSync(file, influxConfig(folder, port, await freePort(), options))
      return ["run", "-config", file]
    },
    "/ping"
  )

/** VictoriaMetrics, which takes InfluxDB's line protocol at `/write` and `/api/v2/write`. */
export const victoriaMetrics = (flags: ReadonlyArray<string> = []): Promise<Server> =>
  start(
    "victoria-metrics",
    victoria!,
    (folder, port) => [
      `-storageDataPath=${folder}/data`,
      `-httpListenAddr=127.0.0.1:${port}`,
      "-retentionPeriod=100y",
      "-search.latencyOffset=0s",
      "-search.disableCache",
      "-loggerLevel=WARN",
      ...flags
    ],
    "/health"
  )

/** The rows of an InfluxQL query, as objects. */
export const query = async (
  server: Server,
  text: string,
  options: { readonly database?: string; readonly user?: string; readonly password?: string } = {}
): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const parameters = new URLSearchParams({ q: text, epoch: "ns" })
  if (options.database !== undefined) parameters.set("db", options.database)
  const headers: Record<string, string> =
    options.user === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${options.user}:${options.password}`).toString("base64")}` }
  const response = await fetch(`${server.url}/query`, { method: "POST", body: parameters, headers })
  interface Series {
    readonly name?: string
    readonly tags?: Record<string, string>
    readonly columns: ReadonlyArray<string>
    readonly values?: ReadonlyArray<ReadonlyArray<unknown>>
  }
  const body = (await response.json()) as {
    readonly error?: string
    readonly results?: ReadonlyArray<{ readonly error?: string; readonly series?: ReadonlyArray<Series> }>
  }
  const error = body.error ?? body.results?.find((result) => result.error !== undefined)?.error
  if (error !== undefined) throw new Error(`InfluxDB: ${error}`)
  return (body.results ?? []).flatMap(({ series = [] }) =>
    series.flatMap(({ columns, name, tags, values = [] }) =>
      values.map((row) => ({
        ...tags,
        ...Object.fromEntries(columns.map((column, i) => [column, row[i]])),
        _name: name
      }))
    )
  )
}

/**
 * The samples of VictoriaMetrics whose names start so. It remembers for ten seconds which series a question found, so another
 * test should ask for others.
 */
export const samples = async (
  server: Server,
  start: string
): Promise<
  ReadonlyArray<{
    readonly metric: Record<string, string>
    readonly values: ReadonlyArray<number>
    readonly timestamps: ReadonlyArray<number>
  }>
> => {
  await fetch(`${server.url}/internal/force_flush`)
  const parameters = new URLSearchParams({
    "match[]": `{__name__=~"${start}.*"}`,
    end: String(Math.ceil(Date.now() / 1000) + 60)
  })
  const text = await (await fetch(`${server.url}/api/v1/export?${parameters}`)).text()
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
}
