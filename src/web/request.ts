/** What is looked at in a request, whatever is asked for. */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect } from "effect"
import { hostName } from "../transport/host.js"

type Headers = HttpServerRequest.HttpServerRequest["headers"]

/** Shorter ones fit into a packet as they are. */
export const leastCompressed = 1400

/** Whether `gzip`, or anything, is among the encodings, and not with the weight 0. */
export const takesGzip = (accepted: string | undefined): boolean => {
  let any = false
  for (const one of (accepted ?? "").split(",")) {
    const [name, ...parameters] = one.split(";").map((part) => part.trim().toLowerCase())
    const takes = !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
    if (name === "gzip" || name === "x-gzip") return takes
    if (name === "*") any = takes
  }
  return any
}

/** The name in a `Host` header: lower case, without port and without the dot of the root. `undefined` for what is none. */
const nameOf = (host: string | undefined): string | undefined =>
  /^(\[[\da-f:.]+\]|[\w.-]+?)\.?(:\d{1,5})?$/i.exec(host ?? "")?.[1]?.toLowerCase()

// A page of another site that has its own name lead here sends that name: never an address.
const isAddress = (name: string): boolean => name.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(name)

/** Names under which this may be asked for, beside addresses: `localhost`, the machine's own, and those given. */
export const ownNames = (hosts: ReadonlyArray<string>): Effect.Effect<ReadonlySet<string>> =>
  Effect.map(
    hostName,
    (own) => new Set(["localhost", ...(own === undefined ? [] : [own]), ...hosts].map((one) => one.toLowerCase()))
  )

/** Whether it is asked for under one of these names, or an address. */
export const isServedAs = (headers: Headers, names: ReadonlySet<string>): boolean => {
  const host = nameOf(headers["host"])
  return host !== undefined && (isAddress(host) || names.has(host) || host.endsWith(".localhost"))
}

export const hasBody = (headers: Headers): boolean =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0"
