-- Drift reports about SERVERS servers in turn, each thread beginning elsewhere.
local servers = tonumber(os.getenv("SERVERS"))
local started = 0
local headers = {["Content-Type"] = "application/json", ["X-API-Key"] = os.getenv("TOKEN")}

function setup(thread)
    thread:set("next_server", started * math.floor(servers / 2))
    started = started + 1
end

function request()
    next_server = (next_server + 1) % servers
    local body = string.format(
        '{"server_group":"group-%d","host":"host-%d","changed_files":["/etc/rsyslog.conf"],"check_interval":300}',
        next_server % 20, next_server)
    return wrk.format("POST", "/status/cron", headers, body)
end
