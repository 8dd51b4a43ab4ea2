import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either, Redacted, Schedule } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Metrics from "../../src/Metrics.js"
import { type Destination, destinationOf } from "../../src/cli/destinations.js"
import { destinationsOf, layerOf, layersOf } from "../../src/cli/sinks.js"

const secret = "hush-hush"

const environment = {
  INFLUXDB_TOKEN: secret,
  INFLUXDB_PASSWORD: `${secret}\n`,
  OPENTSDB_PASSWORD: secret,
  LIBRATO_TOKEN: secret,
  LIBRATO_USER: "me@example.org",
  APPOPTICS_TOKEN: secret,
  SECOND: `second-${secret}`
}

/** Without what is not given, and with secrets in the open. */
const shown = ({ _tag, options }: Destination): unknown => [
  _tag,
  Object.fromEntries(
    Object.entries(options)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [
        name,
        Redacted.isRedacted(value)
          ? { secret: Redacted.value(value) }
          : Duration.isDuration(value)
            ? Duration.format(value)
            : Schedule.isSchedule(value)
              ? "a schedule"
              : value
      ])
  )
]

const common = { schedule: Schedule.fixed("1 hour"), shutdownTimeout: Duration.seconds(1) }

describe("a sink by URL", () => {
  const token = { secret }
  const second = { secret: `second-${secret}` }
  for (const [url, tag, options] of [
    ["influxdb://db:8086/app", "influxdb", { url: "http://db:8086", database: "app", token }],
    ["otlp://collector:4318", "otlp", { url: "http://collector:4318" }],
    [
      "otlp+https://host/otlp?temporality=delta&resource=service.name:shop&boundaries=1,5",
      "otlp",
      {
        url: "https://host/otlp",
        temporality: "delta",
        resource: { "service.name": "shop" },
        boundaries: [1, 5]
      }
    ],
    ["influxdb+https://db/proxy/app", "influxdb", { url: "https://db/proxy", database: "app", token }],
    [
      "influxdb://db:8086/app?version=2&org=acme&gzip=Infinity&quantiles=0.5,0.9",
      "influxdb",
      { url: "http://db:8086", bucket: "app", version: 2, org: "acme", gzip: Infinity, quantiles: [0.5, 0.9], token }
    ],
    [
      "influxdb://ann@[::1]:8086/my%20app",
      "influxdb",
      { url: "http://[::1]:8086", database: "my app", username: "ann", password: token }
    ],
    ["opentsdb://tsd", "opentsdb", { host: "tsd" }],
    ["opentsdb://[::1]:4243?acknowledge=version", "opentsdb", { host: "::1", port: 4243, acknowledge: "version" }],
    [
      "opentsdb+https://ann@tsd:4242/base?maxAge=1m30s",
      "opentsdb+http",
      { url: "https://tsd:4242/base", username: "ann", password: token, maxAge: "1m 30s" }
    ],
    ["statsd://host:8125?tagStyle=influx", "statsd", { protocol: "udp", host: "host", port: 8125, tagStyle: "influx" }],
    ["statsd+tcp://host", "statsd", { protocol: "tcp", host: "host" }],
    ["dogstatsd://host", "statsd", { protocol: "udp", dialect: "dogstatsd", host: "host" }],
    [
      "unixgram:///run/dsd.sock",
      "statsd",
      { protocol: "uds", dialect: "dogstatsd", path: "/run/dsd.sock", socket: "datagram" }
    ],
    [
      "unix:/run/a%20b.sock?dialect=etsy",
      "statsd",
      { protocol: "uds", dialect: "etsy", path: "/run/a b.sock", socket: "either" }
    ],
    [
      "unixstream:///run/s.sock",
      "statsd",
      { protocol: "uds", dialect: "dogstatsd", path: "/run/s.sock", socket: "stream" }
    ],
    [
      "graphite://carbon:2003?naming=dotted&sanitise=true",
      "graphite",
      { protocol: "plaintext", host: "carbon", port: 2003, naming: "dotted", sanitise: true }
    ],
    ["graphite+pickle://carbon", "graphite", { protocol: "pickle", host: "carbon" }],
    ["librato:", "librato", { service: "librato", email: "me@example.org", token }],
    ["librato://?email=you%40example.org", "librato", { service: "librato", email: "you@example.org", token }],
    [
      "librato+http://127.0.0.1:80/x?levels=info,crit",
      "librato",
      { service: "librato", email: "me@example.org", token, url: "http://127.0.0.1:80/x", levels: ["info", "crit"] }
    ],
    ["appoptics://", "librato", { service: "appoptics", token }],
    [
      "zeromq://broker:5550?format=zibrato&source=web",
      "zeromq",
      { host: "broker", port: 5550, format: "zibrato", source: "web" }
    ],
    ["nats://n", "nats", { servers: ["n:4222"] }],
    [
      "nats+tls://[::1]:4223/APP?servers=b:1,c:2&subject=app&replicas=3",
      "nats",
      { servers: ["[::1]:4223", "b:1", "c:2"], stream: "APP", tls: true, subject: "app", replicas: 3 }
    ],
    ["nats://localhost?tokenEnv=SECOND", "nats", { servers: ["localhost:4222"], token: second }],
    [
      "nats://ann@localhost?passwordEnv=SECOND",
      "nats",
      { servers: ["localhost:4222"], username: "ann", password: second }
    ],
    ["influxdb://db/app?tokenEnv=SECOND", "influxdb", { url: "http://db", database: "app", token: second }],
    [
      "influxdb://ann@db/app?passwordEnv=SECOND",
      "influxdb",
      { url: "http://db", database: "app", username: "ann", password: second }
    ],
    ["librato:?tokenEnv=SECOND", "librato", { service: "librato", email: "me@example.org", token: second }],
    [
      "influxdb://db/app?flush=5s&tags=env:prod,at:a:b&headers=X-Scope:me&headersEnv=X-Key:SECOND",
      "influxdb",
      {
        url: "http://db",
        database: "app",
        tags: { env: "prod", at: "a:b" },
        schedule: "a schedule",
        headers: { "X-Scope": "me", "X-Key": Redacted.make(second.secret) },
        token
      }
    ],
    ["console:?format=lines&maxRows=5", "console", { format: "lines", maxRows: 5 }]
  ] as const) {
    it(`is read of ${url}, and its layer can be built`, () =>
      Effect.gen(function* () {
        const destination = destinationOf(url, environment)
        if (Either.isLeft(destination)) assert.fail(destination.left.message)
        assert.deepStrictEqual(shown(destination.right), [tag, options])
        const layer = layerOf(destination.right, common)
        // The optional package of Unix datagrams has no binary everywhere.
        if (url.startsWith("unixgram")) return
        const ledgers = yield* Effect.provide(Metrics.ledgers, layer)
        assert.strictEqual(ledgers.length, 1)
      }).pipe(Effect.runPromise))
  }

  for (const [text, error] of [
    ["", "not the URL of a sink"],
    ["localhost:8125", "not the URL of a sink"],
    ["nosuch://host", "not the URL of a sink"],
    ["constructor:", "not the URL of a sink"],
    ["statsd://", "there is no host in it"],
    ["statsd://host:99999", "not a URL"],
    ["statsd://host/path", "it has no path"],
    ["statsd://ann@host", "no user names"],
    ["statsd://host#x", "what follows #"],
    ["influxdb://host/%zz", "a % that is not followed by two digits"],
    ["influxdb://host:8086", "there is no database in it"],
    ["influxdb://host:8086/?version=2", "there is no bucket in it"],
    ["influxdb://host/db?version=4", 'option version: "4" is not one of 1, 2, 3'],
    ["influxdb://host/db?version=1&version=2", "option version is given twice"],
    ["influxdb://host/db?url=x", 'there is no option "url": there are aggregate, ambiguous, '],
    ["graphite://host?quantiles=0.5,x", "option quantiles"],
    ["opentsdb://host?maxAge=10", "a duration with its unit"],
    ["unixgram://host/x", "there is no path in it"],
    ["console://host", "it has no host"],
    ["librato+http:", "there is no host in it"],
    ["zeromq://host/path", "it has no path"],
    ["nats:", "there is no host in it"],
    ["nats://ann@host?tokenEnv=SECOND", "several kinds of credentials"],
    ["nats://host?passwordEnv=SECOND", "there is no user name in it"],
    ["influxdb://host/db?passwordEnv=SECOND", "there is no user name in it"],
    ["influxdb://ann@host/db?tokenEnv=SECOND", "it is one or the other"],
    ["opentsdb+http://host?passwordEnv=SECOND", "there is no user name in it"],
    ["influxdb://host/db?tokenEnv=UNSET", "the variable that tokenEnv names is not set"],
    ["influxdb://host/db?tags=env", "option tags is not a list with commas, each name:value"],
    ["statsd://host?headers=a:b", 'there is no option "headers"'],
    ["statsd://host?tokenEnv=SECOND", "and this sink has none"]
  ] as const) {
    it(`is refused where it cannot be: ${JSON.stringify(text)}`, () => {
      const destination = destinationOf(text, environment)
      if (Either.isRight(destination)) assert.fail("it was taken")
      assert.include(destination.left.message, error)
    })
  }

  it("has options that are no plain text refused by the sink, by name", () =>
    Effect.gen(function* () {
      const destination = yield* destinationOf("statsd://host?batchSize=0", {})
      const error = yield* Effect.flip(Effect.provide(Metrics.ledgers, layerOf(destination, common)))
      assert.deepInclude(error, { _tag: "InvalidOption", option: "batchSize" })
    }).pipe(Effect.runPromise))

  for (const [text, variable] of [
    [`influxdb://ann:${secret}@host/db`, "INFLUXDB_PASSWORD"],
    [`influxdb://host/db?token=${secret}`, "INFLUXDB_TOKEN"],
    [`influxdb://host/db?password=${secret}`, "INFLUXDB_TOKEN"],
    [`opentsdb+http://ann:${secret}@host`, "OPENTSDB_PASSWORD"],
    [`librato://me%40example.org:${secret}@host`, "LIBRATO_TOKEN"],
    [`librato:?apitoken=${secret}`, "LIBRATO_TOKEN"],
    [`appoptics:?API_KEY=${secret}`, "APPOPTICS_TOKEN"],
    [`nats://ann:${secret}@host`, "NATS_PASSWORD"],
    [`nats://host?token=${secret}`, "NATS_TOKEN"],
    [`influxdb://host/db?tokenEnv=${secret}`, "the name of an environment variable"],
    [`influxdb://host/db?tokenEnv=${secret.replace("-", "_")}`, "the variable that tokenEnv names"],
    [`influxdb://host/db?headers=Authorization:${secret}`, "headersEnv=Authorization:MY_VARIABLE"],
    [`influxdb://host/db?headers=${secret}`, "option headers"],
    [`influxdb://host/db?headersEnv=X:${secret}`, "the variable that headersEnv names"],
    [`influxdb://host/db?${secret}`, "there is an unknown option in it"]
  ] as const) {
    it(`never has a secret in it: ${text.replace(secret, "...")}`, () => {
      const destination = destinationOf(text, environment)
      if (Either.isRight(destination)) assert.fail("it was taken")
      assert.include(destination.left.message, variable)
      assert.notInclude(JSON.stringify(destination.left) + destination.left.message, secret)
    })
  }

  it("repeats nothing of what may be a secret where a URL cannot be read", () => {
    for (const text of [`influxdb://ann:${secret}/x@host/db`, `influxdb://ann:1#${secret}@host/db`, `x${secret}`]) {
      const destination = destinationOf(text, environment)
      if (Either.isRight(destination)) assert.fail("it was taken")
      assert.notInclude(destination.left.message, secret)
    }
  })

  it("names the variable that is not set", () => {
    for (const [text, variable] of [
      ["influxdb://ann@host/db", "INFLUXDB_PASSWORD"],
      ["opentsdb+http://ann@host", "OPENTSDB_PASSWORD"],
      ["librato:?email=me", "LIBRATO_TOKEN"],
      ["appoptics:", "APPOPTICS_TOKEN"]
    ] as const) {
      const destination = destinationOf(text, { INFLUXDB_PASSWORD: " " })
      if (Either.isRight(destination)) assert.fail("it was taken")
      assert.include(destination.left.message, `${variable} is not set`)
    }
  })

  it("takes the credentials for NATS of the environment, of one kind", () => {
    const options = (environment: Record<string, string>) =>
      Either.match(destinationOf("nats://localhost", environment), {
        onLeft: ({ message }) => message,
        onRight: (destination) => shown(destination)
      })
    const servers = ["localhost:4222"]
    assert.deepStrictEqual(options({ NATS_TOKEN: secret }), ["nats", { servers, token: { secret } }])
    assert.deepStrictEqual(options({ NATS_USER: "ann", NATS_PASSWORD: secret }), [
      "nats",
      { servers, username: "ann", password: { secret } }
    ])
    assert.include(options({ NATS_USER: "ann" }), "NATS_PASSWORD is not set")
    assert.include(options({ NATS_USER: "ann", NATS_TOKEN: secret }), "NATS_TOKEN and NATS_USER are set")
    assert.include(options({ NATS_CREDS: "/nowhere/file" }), "that NATS_CREDS says cannot be read")
    const file = fileURLToPath(import.meta.url)
    assert.deepStrictEqual(options({ NATS_CREDS: file }), [
      "nats",
      { servers, credentials: { secret: readFileSync(file, "utf8") } }
    ])
  })

  it("is told apart from others of its kind", () =>
    Effect.gen(function* () {
      const urls = ["statsd://a", "console:", "statsd://b", "statsd://c?name=mine"]
      const layers = layersOf(yield* destinationsOf(urls, {}), common)
      const names = yield* Effect.forEach(layers, (layer) => Effect.provide(Metrics.ledgers, layer))
      assert.deepStrictEqual(
        names.flat().map(({ name }) => name),
        ["statsd", "console", "statsd#2", "mine"]
      )
    }).pipe(Effect.runPromise))
})
