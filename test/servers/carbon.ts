/** Graphite's carbon, with whisper files of an hour in seconds, and their content. */
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { createConnection } from "node:net"
import { dirname, join } from "node:path"
import type { Server } from "./harness.js"
import { find, freePort, missing, start } from "./harness.js"

const script = find("graphite-carbon", "carbon-cache")

export const noCarbon = missing("graphite-carbon", script)

/** Debian's, for which its packages are. */
const python = "/usr/bin/python3"

/** Of what was fetched; installed ones are found without. */
const environment = (): Readonly<Record<string, string>> => ({
  PYTHONPATH: join(dirname(script!), "../lib/python3/dist-packages"),
  PYTHONDONTWRITEBYTECODE: "1"
})

export interface Carbon extends Server {
  readonly picklePort: number
  /** Seconds and values by path, of those that there are; and how many files there are in all. */
  readonly read: (paths: Iterable<string>) => Promise<Stored>
  /** Lines of its log in which it says what it did not like about its clients. */
  readonly complaints: () => ReadonlyArray<string>
}

export interface Stored {
  readonly files: number
  readonly series: Readonly<Record<string, ReadonlyArray<readonly [second: number, value: number]>>>
  /** How each is thinned out. */
  readonly methods: Readonly<Record<string, string>>
}

const configuration = (folder: string, port: number, picklePort: number, queryPort: number): string => `
[cache]
STORAGE_DIR = ${folder}/storage
LOCAL_DATA_DIR = ${folder}/storage/whisper
CONF_DIR = ${folder}/conf
LOG_DIR = ${folder}/log
PID_DIR = ${folder}
USER =
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = inf
MAX_CREATES_PER_MINUTE = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = ${port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = ${picklePort}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = ${queryPort}
ENABLE_UDP_LISTENER = False
ENABLE_TAGS = False
CARBON_METRIC_INTERVAL = 0
LOG_UPDATES = False
LOG_CREATES = False
LOG_LISTENER_CONN_SUCCESS = False
WHISPER_AUTOFLUSH = True
WHISPER_FALLOCATE_CREATE = False
WHISPER_SPARSE_CREATE = True
`

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })

/** carbon's own code says which file a path is. */
const reader = `
import json, os, sys, time, whisper
from carbon.util import TaggedSeries
asked = json.load(sys.stdin)
root = asked["root"]
now = int(time.time())
series, methods = {}, {}
for path in asked["paths"]:
  known = TaggedSeries.parse(path).path if ";" in path else path
  file = os.path.join(root, TaggedSeries.encode(known, os.sep, hash_only=True) + ".wsp")
  if os.path.exists(file):
    (first, _, step), values = whisper.fetch(file, now - 3590, now + 60)
    series[path] = [[first + i * step, value] for i, value in enumerate(values) if value is not None]
    methods[path] = whisper.info(file)["aggregationMethod"]
files = sum(name.endswith(".wsp") for _, _, names in os.walk(root) for name in names)
json.dump({"files": files, "series": series, "methods": methods}, sys.stdout)
`

const runPython = (code: string, input: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(python, ["-c", code], {
      env: { ...process.env, ...environment() },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 40_000,
      killSignal: "SIGKILL"
    })
    const output = { stdout: "", stderr: "" }
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text))
    child.on("error", reject)
    child.on("close", (code) => (code === 0 ? resolve(output.stdout) : reject(new Error(output.stderr))))
    child.stdin.end(input)
  })

/** `aggregation` is the content of storage-aggregation.conf. */
export const carbon = async (aggregation = ""): Promise<Carbon> => {
  let root = ""
  const [picklePort, queryPort] = [await freePort(), await freePort()]
  const server = await start(
    "carbon",
    python,
    (folder, port) => {
      root = folder
      mkdirSync(join(folder, "conf"))
      writeFileSync(join(folder, "conf/carbon.conf"), configuration(folder, port, picklePort, queryPort))
      writeFileSync(join(folder, "conf/storage-schemas.conf"), "[all]\npattern = .*\nretentions = 1s:1h\n")
      writeFileSync(join(folder, "conf/storage-aggregation.conf"), aggregation)
      return [
        script!,
        "--nodaemon",
        `--config=${folder}/conf/carbon.conf`,
        `--logdir=${folder}/log`,
        `--pidfile=${folder}/carbon.pid`,
        "start"
      ]
    },
    async (port) => (await accepts(port)) && accepts(picklePort),
    environment()
  )
  return {
    ...server,
    picklePort,
    read: async (paths) => {
      const asked = { root: join(root, "storage/whisper"), paths: [...paths] }
      // The script above writes just this.
      return JSON.parse(await runPython(reader, JSON.stringify(asked))) as Stored
    },
    complaints: () =>
      server
        .output()
        .split("\n")
        .filter((line) => /invalid|error|exception|lost/i.test(line))
  }
}
