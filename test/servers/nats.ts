/** NATS servers for tests, alone or as a cluster of three. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { find, freePort, missing, type Server, start } from "./harness.js"

const cache = process.env["EFFECT_METRICS_CACHE"] ?? fileURLToPath(new URL("../../.cache/servers", import.meta.url))
const cached = join(cache, "nats-server/usr/sbin/nats-server")
const binary = existsSync(cached) ? cached : find("nats-server", "nats-server")

export const noNats = missing("nats-server", binary)

/** The port of the monitor is open before that for clients. */
const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })

export const nats = async (flags: ReadonlyArray<string> = []): Promise<Server> => {
  const monitor = await freePort()
  return start(
    "nats",
    binary!,
    (folder, port) => [
      ...["-js", "-a", "127.0.0.1", "-p", String(port), "-m", String(monitor), "-sd", folder],
      ...flags
    ],
    async (port) => (await fetch(`http://127.0.0.1:${monitor}/varz`)).ok && (await accepts(port))
  )
}

/** With the text of a configuration beside the flags, and files that it can name as `FILES/name`. */
export const configured = async (config: string, files: Readonly<Record<string, string>> = {}): Promise<Server> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-metrics-nats-config-"))
  for (const [name, text] of Object.entries({ ...files, "nats.conf": config.replaceAll("FILES", folder) })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
  }
  const server = await nats(["-c", join(folder, "nats.conf")])
  return {
    ...server,
    stop: async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

export const cluster = async (): Promise<ReadonlyArray<Server>> => {
  const ports = [await freePort(), await freePort(), await freePort()]
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(",")
  return Promise.all(
    ports.map((port, at) =>
      nats([
        ...["--server_name", `n${at}`, "--cluster_name", "test"],
        ...["--cluster", `nats://127.0.0.1:${port}`, "--routes", routes]
      ])
    )
  )
}
