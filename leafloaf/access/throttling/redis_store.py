"""The limits of a request in Redis: one script, one round trip. Redis runs one script at a time, by its own clock."""

from collections.abc import Sequence

from leafloaf.access.throttling.demands import Demand
from leafloaf.access.throttling.verdict import Verdict
from leafloaf.lib import cache

PREFIX = "throttle:"

# Lua's numbers are doubles: microseconds since 1970 are exact in them until 2255, but only `%.0f` writes them so.
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local found = redis.call('MGET', unpack(KEYS))
local starts, fits = {}, true
for i = 1, #KEYS do
    local interval, capacity, needs = ARGV[i * 4 - 3], ARGV[i * 4 - 2], ARGV[i * 4 - 1]
    starts[i] = math.min(math.max(tonumber(found[i] or 0), now), now + capacity)
    fits = fits and starts[i] + needs * interval - capacity <= now
end
for i = 1, #KEYS do
    local takes = tonumber(ARGV[i * 4])
    if fits and takes > 0 then
        local arrival = starts[i] + takes * ARGV[i * 4 - 3]
        local lives = math.ceil((arrival - now) / 1000)
        redis.call('SET', KEYS[i], string.format('%.0f', arrival), 'PX', string.format('%.0f', lives))
    end
end
table.insert(starts, 1, now)
return starts
"""


def take(demands: Sequence[Demand]) -> Verdict | None:
    """Takes all of them or none; None while Redis is off or away."""
    names = [f"{PREFIX}{demand.name.hex()}" for demand in demands]
    arguments = [
        number
        for demand in demands
        for number in (demand.rate.interval, demand.rate.capacity, demand.needs, demand.takes)
    ]
    found = cache.run(TAKE, names, arguments)
    return None if found is None else Verdict(demands, found[1:], found[0])
