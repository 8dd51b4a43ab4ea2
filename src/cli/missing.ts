/** Why the command cannot be loaded. */

const isError = (error: unknown): error is Error & { readonly code?: unknown } => error instanceof Error

const packages = ["@effect/cli", "@effect/platform-node"]

/** One line for an operator. */
export const explain = (error: unknown): string => {
  if (!isError(error)) return "cannot be loaded"
  const name = /Cannot find package '([^']+)'/.exec(error.message)?.[1]
  return error.code === "ERR_MODULE_NOT_FOUND" && name !== undefined
    ? `the command needs the package "${name}": npm install ${[...new Set([...packages, name])].join(" ")}`
    : `cannot be loaded: ${error.message.split("\n", 1)[0]}`
}
