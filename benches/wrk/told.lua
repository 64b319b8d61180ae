-- What the scripts share: their last line, which programs may read.

local told = {}

-- wrk calls it once, when all threads are done. Latency is that of answers, in microseconds.
function told.done(summary, latency, _)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    "answers %d, per second %.0f, p50 %d us, p99 %d us, most %d us, not 2xx or 3xx %d, lost %d\n",
    summary.requests, summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99),
    latency.max, errors.status, lost))
end

return told
