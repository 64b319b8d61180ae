-- POST of a body of so many bytes: BYTES=65536 (1,024 where nothing is said), of the media type that TYPE names.
--
--   BYTES=65536 wrk -t 1 -c 64 -d 10s -s benches/wrk/post.lua -H 'Host: …' URL

local told = dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "./") .. "told.lua")

function init()
  wrk.method = "POST"
  wrk.body = string.rep("x", tonumber(os.getenv("BYTES") or 1024))
  wrk.headers["Content-Type"] = os.getenv("TYPE") or "application/octet-stream"
end

done = told.done
