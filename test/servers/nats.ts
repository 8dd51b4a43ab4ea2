/** NATS servers for tests, alone or as a cluster of three. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { find, freePort, missing, type Server, start } from "./harness.js"

const cache = process.env["EFFECT_METRICS_CACHE"] ?? fileURLToPath(new URL("../../.cache/servers", import.meta.url))
const cached = join(cache, "nats-server/usr/sbin/nats-server")
const binary = existsSync(cached) ? cached : find("nats-server", "nats-server")

export const noNats = missing("nats-server", binary)

export const nats = async (flags: ReadonlyArray<string> = []): Promise<Server> => {
  const monitor = await freePort()
  return start(
    "nats",
    binary!,
    (folder, port) => [
      ...["-js", "-a", "127.0.0.1", "-p", String(port), "-m", String(monitor), "-sd", folder],
      ...flags
    ],
    async () => (await fetch(`http://127.0.0.1:${monitor}/varz`)).ok
  )
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
