// @ts-check
/**
 * @typedef {object} Measured What a row came to.
 * @property {string} name
 * @property {string} title
 * @property {string} unit
 * @property {Array<import("./harness.mjs").Result>} results
 * @property {Array<{ text: string, limit: number, value: number }>} goals
 * @property {Array<string>} notes
 * @property {{ at: string, load: number }} [when]
 * @typedef {object} Environment
 * @property {string} node
 * @property {string} cpu
 * @property {number} cores
 * @property {Record<string, string>} versions
 */

export const isMet = (/** @type {{ limit: number, value: number }} */ { limit, value }) => value <= limit

const number = (/** @type {number} */ value) =>
  Number.isNaN(value)
    ? "-"
    : Math.abs(value) >= 1000
      ? value.toFixed(0)
      : Math.abs(value) >= 100
        ? value.toFixed(0)
        : value.toFixed(Math.abs(value) >= 10 ? 1 : 2)

const table = (/** @type {ReadonlyArray<ReadonlyArray<string>>} */ lines) => {
  const [head, ...body] = lines.map((cells) => `| ${cells.join(" | ")} |`)
  const rule = `| ${(lines[0] ?? []).map((_, i) => (i === 0 ? "---" : "---:")).join(" | ")} |`
  return [head, rule, ...body].join("\n")
}

/** @param {Measured} row */
export const rowTable = (row) => {
  const hasRatio = row.results.some(({ ratio }) => ratio !== undefined)
  const more = [...new Set(row.results.flatMap((result) => Object.keys(result.more ?? {})))]
  const base = row.results[0]?.name ?? ""
  return table([
    ["", row.unit, "p10..p90", ...(hasRatio ? [`x ${base}`] : []), ...more],
    ...row.results.map((result) => [
      result.kind === "ours" ? `**${result.name}**` : result.name,
      number(result.median),
      `${number(result.p10)}..${number(result.p90)}`,
      ...(hasRatio ? [result.ratio === undefined ? "" : number(result.ratio)] : []),
      ...more.map((key) => String(result.more?.[key] ?? ""))
    ])
  ])
}

/** @param {ReadonlyArray<Measured>} rows */
export const goalTable = (rows) =>
  table([
    ["row", "goal", "limit", "measured", ""],
    ...rows.flatMap((row) =>
      row.goals.map((goal) => [
        `[${row.name}](#${row.name})`,
        goal.text,
        String(goal.limit),
        number(goal.value),
        isMet(goal) ? "met" : "**missed**"
      ])
    )
  ])

/** @param {Environment} environment @param {ReadonlyArray<Measured>} rows */
export const markdown = (environment, rows) => {
  const { cores, cpu, node, versions } = environment
  return `# Benchmark results

Written by \`npm run bench\`. Subjects run side by side, in random order every round; figures are medians, and **only ratios
carry over to another machine**. A ratio is the median of the rounds' ratios, and goals are judged by it.

Node ${node}, ${cores} cores, ${cpu}. ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")}.

## Goals

${goalTable(rows)}

## Rows

${rows
  .map(
    (row) => `### ${row.name}

${row.title}.${row.when === undefined ? "" : ` Load average before: ${row.when.load.toFixed(2)}.`}

${rowTable(row)}
${row.notes.map((note) => `\n${note}\n`).join("")}`
  )
  .join("\n")}`
}
