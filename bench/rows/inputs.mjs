// @ts-check
/** The same names, tags and values for all subjects. */

export const tagKeys = /** @type {const} */ (["method", "route", "status"])

const methods = ["GET", "POST", "PUT", "DELETE"]
const routes = ["/", "/users", "/users/:id", "/orders"]
const statuses = ["200", "201", "404", "500"]

/** 64 sets of three tags, as arrays of values in the order of `tagKeys`. */
export const tagValues = methods.flatMap((method) =>
  routes.flatMap((route) => statuses.map((status) => /** @type {const} */ ([method, route, status])))
)

export const methodOf = tagValues.map(([method]) => method)
export const routeOf = tagValues.map(([, route]) => route)
export const statusOf = tagValues.map(([, , status]) => status)

export const tagSets = tagValues.map(([method, route, status]) => ({ method, route, status }))

/** Seconds, lognormal around 20 ms: so many that no branch predictor learns their order. */
export const seconds = Float64Array.from({ length: 1 << 16 }, () =>
  Math.exp(-4 + Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()))
)

/** The bounds that prom-client has by default, and three more. */
export const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
