-- SPDX-License-Identifier: MIT
-- wrk's side of bench/network.sh: asks for ASK followed by a number below VARY (without: always the same), and prints median and 99th
-- percentile in milliseconds, requests a second, and how many went wrong.
local path, vary, n = os.getenv("ASK"), tonumber(os.getenv("VARY") or "0"), 0

request = function()
	n = n + 1
	return wrk.format("GET", vary > 0 and path .. n % vary or path)
end

done = function(summary, latency)
	local e = summary.errors
	io.write(string.format("%.2f %.2f %.0f %d\n", latency:percentile(50) / 1000, latency:percentile(99) / 1000,
		summary.requests / summary.duration * 1e6, e.status + e.timeout + e.read + e.write + e.connect))
end
