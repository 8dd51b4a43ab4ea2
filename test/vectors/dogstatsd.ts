/** DogStatsD's vectors are of the same model as StatsD's. */
export { runDogStatsD as run } from "./statsd.js"
