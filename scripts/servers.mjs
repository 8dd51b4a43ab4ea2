/**
 * Fetches the real servers that the tests talk to, from Debian's packages, into a cache folder, without installing anything:
 * `.cache/servers`, or the folder that `EFFECT_METRICS_CACHE` names. What is on the PATH already is used from there. Where a
 * server cannot be had this says so and still succeeds: its tests are then skipped, with a reason, and fail where CI=true.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const packages = [
  { name: "influxdb", binary: "usr/bin/influxd" },
  { name: "victoria-metrics", binary: "usr/bin/victoria-metrics" },
  { name: "nats-server", binary: "usr/sbin/nats-server" },
  { name: "prometheus", binary: "usr/bin/promtool" },
  { name: "prometheus-pushgateway", binary: "usr/bin/prometheus-pushgateway" },
  // Of Python: useless without what it depends on.
  { name: "graphite-carbon", binary: "usr/bin/carbon-cache", withDependencies: true },
  { name: "python3-zmq", binary: "usr/lib/python3/dist-packages/zmq/__init__.py", withDependencies: true },
  // The browser that opens the dashboard.
  { name: "chromium", binary: "usr/lib/chromium/chromium", withDependencies: true }
]

const cache = process.env.EFFECT_METRICS_CACHE ?? fileURLToPath(new URL("../.cache/servers", import.meta.url))

const onPath = (program) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0

const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "pipe"], timeout: 300_000 })

const isKnown = (name) => spawnSync("apt-cache", ["show", name]).status === 0

/** Lists may be missing on a fresh machine; only root can fetch them. */
const updateLists = () => {
  if (!packages.every(({ name }) => isKnown(name))) run("apt-get", ["update", "-qq"])
}

/** The package, and what it depends on that this machine lacks. */
const missingFor = (name) => {
  const args = ["-s", "--no-install-recommends", "install", name]
  const { stdout } = spawnSync("apt-get", args, { encoding: "utf8", timeout: 60_000 })
  const names = [...stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1])
  return names.includes(name) ? names : [name]
}

const fetchPackage = ({ name, withDependencies = false }) => {
  // The downloader drops its rights, and must be able to write here.
  const folder = mkdtempSync(join(tmpdir(), "effect-metrics-"))
  try {
    run("chmod", ["755", folder])
    const names = withDependencies ? missingFor(name) : [name]
    run("apt-get", ["-o", "APT::Sandbox::User=root", "download", ...names], folder)
    const debs = readdirSync(folder).filter((file) => file.endsWith(".deb"))
    if (debs.length === 0) throw new Error("nothing was downloaded")
    const unpacked = join(cache, `${name}.${process.pid}`)
    mkdirSync(unpacked, { recursive: true })
    for (const deb of debs) run("dpkg-deb", ["-x", join(folder, deb), unpacked])
    // So that half of a package is never taken for a whole one.
    rmSync(join(cache, name), { recursive: true, force: true })
    renameSync(unpacked, join(cache, name))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

mkdirSync(cache, { recursive: true })
const wanted = packages.filter(
  ({ binary, name }) => !onPath(binary.split("/").at(-1)) && !existsSync(join(cache, name, binary))
)
if (wanted.length > 0) {
  try {
    updateLists()
  } catch (error) {
    console.log(`the package lists could not be fetched: ${error.message.split("\n")[0]}`)
  }
}
for (const server of wanted) {
  try {
    fetchPackage(server)
    console.log(`${server.name}: fetched`)
  } catch (error) {
    console.log(`${server.name}: not to be had here (${error.message.split("\n")[0]}): its tests will not run`)
  }
}
if (wanted.length === 0) console.log("servers: all there")
