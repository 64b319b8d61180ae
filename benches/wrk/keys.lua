-- The gateway job: another API key with each request, out of the file that KEYS names, one key a line.
--
--   KEYS=keys.txt wrk -t 1 -c 64 -d 10s -s benches/wrk/keys.lua -H 'Host: …' URL
--
-- An answer of 403 says that a key is not known or not in a plan of the stage, 429 that a throttle or quota holds.

local told = dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "./") .. "told.lua")
local requests, at = {}, 0

function init()
  local file = assert(os.getenv("KEYS"), "KEYS must name a file with one API key a line")
  -- All are written once, before the first is sent.
  for key in io.lines(file) do
    wrk.headers["x-api-key"] = key
    requests[#requests + 1] = wrk.format()
  end
  assert(#requests > 0, file .. " holds no API key")
  -- Threads do not go through the keys in step.
  math.randomseed(tonumber(tostring({}):match("0x(%x+)"), 16) % 2 ^ 31)
  at = math.random(#requests)
end

function request()
  at = at % #requests + 1
  return requests[at]
end

done = told.done
