/**
 * How a transport says that it could not do it, and what the errors of the platforms mean.
 */
import { Schema } from "effect"

/**
 * What was to be sent did not get through, or nobody said that it did.
 *
 * @since 0.1.0
 * @category errors
 */
export class TransportFailure extends Schema.TaggedError<TransportFailure>("effect-metrics/TransportFailure")(
  "TransportFailure",
  {
    /** For an operator, without secrets. */
    reason: Schema.String,
    /** Whether the other side may have got (some of) it all the same. */
    ambiguous: Schema.Boolean,
    /** The system's name for it, as in `ECONNREFUSED`, where that is known. */
    code: Schema.optional(Schema.String)
  }
) {}

/** The system's name for an error of Node's. */
export const codeOf = (error: unknown): string | undefined => {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined
  return typeof code === "string" ? code : undefined
}

/** Failures of getting through to the server: nothing of the request was sent. */
const beforeConnection: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name could not be looked up",
  EAI_FAIL: "the host's name could not be looked up",
  EAI_NODATA: "no such host",
  EADDRNOTAVAIL: "no address to connect from",
  UND_ERR_CONNECT_TIMEOUT: "connecting took too long",
  ERR_INVALID_URL: "the address is not valid",
  ERR_INVALID_CHAR: "a header is not valid",
  ERR_SSL_WRONG_VERSION_NUMBER: "the server does not speak TLS",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is signed by itself",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate could not be verified",
  UNABLE_TO_GET_ISSUER_CERT: "the server's certificate could not be verified",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate could not be verified",
  HOSTNAME_MISMATCH: "the server's certificate is for another host",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another host"
}

const handshake = /wrong version number|unsupported protocol|handshake failure/

const connecting = new Set(["connect", "getaddrinfo", "bind"])

interface ErrorLike {
  readonly code?: unknown
  readonly syscall?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/**
 * What an error of Node's or of `fetch` means: without an address, and without the error's own words. `broke` says what became
 * of a connection that there was.
 */
export const classify = (error: unknown, broke: string): { readonly what: string; readonly ambiguous: boolean } => {
  let code: string | undefined
  // `fetch` hides what happened in the cause of its error; the depth is for causes that are their own.
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 8; depth++) {
    const { cause, code: own, errors, message, syscall } = at as ErrorLike
    if (message === "bad port") return { what: "fetch refuses to connect to this port", ambiguous: false }
    if (typeof own === "string" && /^\w{1,64}$/.test(own)) {
      code ??= own
      const known =
        beforeConnection[own] ?? (own.startsWith("CERT_") ? "the server's certificate is not valid" : undefined)
      // The parser of Node and undici, which both read HTTP.
      if (own.startsWith("HPE_")) return { what: `what answers does not speak HTTP (${own})`, ambiguous: true }
      if (own === "EPROTO" && handshake.test(String(message))) return { what: "TLS failed (EPROTO)", ambiguous: false }
      if (known !== undefined) return { what: `${known} (${own})`, ambiguous: false }
      if (connecting.has(String(syscall))) {
        return { what: `${own === "ENOENT" ? "there is no socket" : "could not connect"} (${own})`, ambiguous: false }
      }
    }
    // Where a name has several addresses, each has an error of its own; they failed alike.
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined)
  }
  return {
    what: code === undefined ? broke : `${broke} (${code})`,
    ambiguous: true
  }
}
