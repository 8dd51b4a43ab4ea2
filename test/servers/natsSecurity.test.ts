/** Real servers of NATS that want to know who is there, and what is said about those that they refuse. */
import { nkeys } from "@nats-io/transport-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as Transport from "../../src/relay/Transport.js"
import * as Worker from "../../src/relay/Worker.js"
import * as Nats from "../../src/sinks/Nats.js"
import { backend, totals } from "../relay/harness.js"
import { cert, key } from "../transport/certificate.js"
import type { Server } from "./harness.js"
import { configured, noNats } from "./nats.js"

const hits = Metrics.counter("hits", { level: "info" })

const server = (config: string, files?: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.promise(() => configured(config, files)),
    (made) => Effect.promise(() => made.stop())
  )

interface Attempt {
  readonly delivered: number
  /** All that was logged, with causes and annotations. */
  readonly logs: string
}

/** Publishes once, until the server takes it or something is said for which that is enough. */
const attempt = (options: Nats.Options, enough?: RegExp): Effect.Effect<Attempt, unknown> =>
  Effect.gen(function* () {
    const logs: Array<string> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ annotations, cause, message }) => void logs.push(JSON.stringify([message, annotations, cause])))
    )
    const delivered = yield* Effect.gen(function* () {
      yield* Metrics.increment(hits)
      yield* Effect.forkScoped(Metrics.flush)
      const delivered = Effect.map(Metrics.ledgers, ([first]) => first!.ledger.delivered)
      yield* Effect.repeat(Effect.delay(delivered, 20), {
        until: (count) => count === 1 || enough?.test(logs.join("\n")) === true
      })
      return yield* delivered
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Nats.layer({
          hostTag: "none",
          retry: { initial: "50 millis", max: "200 millis" },
          shutdownTimeout: "100 millis",
          ...options
        }).pipe(Layer.provide(logger))
      )
    )
    return { delivered, logs: logs.join("\n") }
  })

/** With these a worker gets what a publisher has sent. */
const works = (options: Nats.Options & Transport.NatsOptions) =>
  Effect.gen(function* () {
    const { delivered, logs } = yield* attempt(options)
    assert.strictEqual(delivered, 1, logs)
    const into = backend()
    yield* Layer.build(Worker.layer({ transport: Transport.nats(options) }).pipe(Layer.provide(into.layer)))
    yield* Effect.repeat(Effect.sleep(20), { until: () => totals(into.measurements)["info hits"] === 1 })
  })

const refused = (options: Nats.Options, reason: RegExp, secrets: ReadonlyArray<string> = ["canary"]) =>
  Effect.gen(function* () {
    const { delivered, logs } = yield* attempt(options, reason)
    assert.strictEqual(delivered, 0)
    assert.match(logs, reason)
    for (const secret of secrets) assert.notInclude(logs, secret)
  })

const at = ({ port }: Server): string => `localhost:${port}`
const files = { "cert.pem": cert, "key.pem": key }
const tls = `cert_file: "FILES/cert.pem", key_file: "FILES/key.pem"`
const secret = Redacted.make

describe.skipIf(noNats !== false)(`who is there${noNats === false ? "" : ` (${noNats})`}`, () => {
  it.scopedLive("a user and a password", () =>
    Effect.gen(function* () {
      const made = yield* server(`authorization { user: app, password: right }`)
      yield* works({ servers: at(made), username: "app", password: secret("right") })
      yield* refused({ servers: at(made), username: "app", password: secret("canary") }, /refuses the credentials/)
      yield* refused({ servers: at(made) }, /refuses the credentials/)
    })
  )

  it.scopedLive("a token", () =>
    Effect.gen(function* () {
      const made = yield* server(`authorization { token: right }`)
      yield* works({ servers: at(made), token: secret("right") })
      yield* refused({ servers: at(made), token: secret("canary") }, /refuses the credentials/)
    })
  )

  it.scopedLive("an nkey", () =>
    Effect.gen(function* () {
      const [user, stranger] = [nkeys.createUser(), nkeys.createUser()]
      const seedOf = (pair: typeof user): string => new TextDecoder().decode(pair.getSeed())
      const made = yield* server(`authorization { users: [{ nkey: ${user.getPublicKey()} }] }`)
      yield* works({ servers: at(made), nkey: secret(`${seedOf(user)}\n`) })
      yield* refused({ servers: at(made), nkey: secret(seedOf(stranger)) }, /refuses the credentials/, [
        seedOf(stranger)
      ])
    })
  )

  it.scopedLive("credentials of an account", () =>
    Effect.gen(function* () {
      const { config, credentials } = accounts()
      const made = yield* server(config)
      yield* works({ servers: at(made), credentials: secret(credentials()) })
      const strange = accounts().credentials()
      yield* refused({ servers: at(made), credentials: secret(strange) }, /refuses the credentials/, [
        ...strange.split("\n").filter((line) => /^\w{20}/.test(line))
      ])
      yield* refused({ servers: at(made), credentials: secret("canary") }, /cannot write/)
    })
  )

  it.scopedLive("a server by a certificate of a known authority", () =>
    Effect.gen(function* () {
      const made = yield* server(`tls { ${tls} }\nauthorization { token: canary }`, files)
      yield* works({ servers: at(made), token: secret("canary"), tls: { ca: cert } })
      yield* refused({ servers: at(made), token: secret("canary"), tls: true }, /no connection/)
    })
  )

  it.scopedLive("a server that has no TLS is told no token, where TLS is asked for", () =>
    Effect.gen(function* () {
      const made = yield* server(`authorization { token: canary }\ndebug: true\ntrace: true`)
      yield* refused({ servers: at(made), token: secret("canary"), tls: { ca: cert } }, /no connection/)
      assert.notInclude(made.output(), "CONNECT {")
      yield* works({ servers: at(made), token: secret("canary") })
      assert.include(made.output(), "CONNECT {")
    })
  )

  it.scopedLive("a client by its certificate", () =>
    Effect.gen(function* () {
      const made = yield* server(`tls { ${tls}, ca_file: "FILES/cert.pem", verify: true }`, files)
      yield* works({ servers: at(made), tls: { ca: cert, cert, key: secret(key) } })
      yield* refused({ servers: at(made), tls: { ca: cert } }, /no connection/, [key])
    })
  )
})

/** What an operator, an account and a user have signed, as `nsc` makes it. */
const accounts = () => {
  const [operator, account, system] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()]
  const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString("base64url")
  const sign = (by: typeof operator, sub: string, name: string, claims: object): string => {
    const body = [
      { typ: "JWT", alg: "ed25519-nkey" },
      {
        jti: name,
        iat: Math.floor(Date.now() / 1000),
        iss: by.getPublicKey(),
        sub,
        name,
        nats: { version: 2, ...claims }
      }
    ]
      .map((part) => base64(JSON.stringify(part)))
      .join(".")
    return `${body}.${base64(by.sign(new TextEncoder().encode(body)))}`
  }
  const any = { subs: -1, data: -1, payload: -1 }
  const limits = { ...any, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }
  const stored = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }
  const signed = (pair: typeof operator, name: string, own: object): string =>
    `${pair.getPublicKey()}: ${sign(operator, pair.getPublicKey(), name, { type: "account", limits: own })}`
  return {
    config: `operator: ${sign(operator, operator.getPublicKey(), "operator", { type: "operator" })}
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload: {
  ${signed(account, "app", { ...limits, ...stored })}
  ${signed(system, "system", limits)}
}`,
    credentials: (): string => {
      const user = nkeys.createUser()
      const jwt = sign(account, user.getPublicKey(), "user", { type: "user", pub: {}, sub: {}, ...any })
      const boxed = (what: string, text: string): string =>
        `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`
      return boxed("NATS USER JWT", jwt) + boxed("USER NKEY SEED", new TextDecoder().decode(user.getSeed()))
    }
  }
}
