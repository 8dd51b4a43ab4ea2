/** Who can reach what is served, and who may read it: what the options of `StatsServer` and `Dashboard` have in common. */
import { Redacted } from "effect"
import { isWhole, type Refuse, show } from "../delivery/checks.js"

export interface Access {
  readonly host: string
  readonly port: number
  readonly hosts: ReadonlyArray<string>
  readonly token: Redacted.Redacted | undefined
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)

export const isText = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && !value.includes("\0")

/** Refuses what cannot be, and an address that others can reach where nothing is asked of them. */
export const checkAccess = (refuse: Refuse, { host, hosts, port, token }: Access): void => {
  if (!isText(host)) refuse("host", show(host), "an address or a name")
  if (!isWhole(port, 0, 65_535)) refuse("port", show(port), "a whole number from 0 to 65535")
  if (!(Array.isArray(hosts) && hosts.every(isText))) refuse("hosts", show(hosts), "a list of names")
  if (token === undefined) {
    if (!isLoopback(host)) refuse("token", "undefined", `a token, as others can reach ${show(host)}`)
  } else if (!(Redacted.isRedacted(token) && /^[!-~]+$/.test(String(Redacted.value(token))))) {
    refuse("token", "<redacted>", "a Redacted text of visible ASCII characters, without spaces")
  }
}
