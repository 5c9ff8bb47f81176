-- Drift reports in arrays of 50, about SERVERS servers in turn, each thread beginning elsewhere.
local servers = tonumber(os.getenv("SERVERS"))
local started = 0

function setup(thread)
    thread:set("next_server", started * math.floor(servers / 2))
    started = started + 1
end

function request()
    local reports = {}
    for i = 1, 50 do
        next_server = (next_server + 1) % servers
        reports[i] = string.format(
            '{"server_group":"group-%d","host":"host-%d","changed_files":["/etc/rsyslog.conf"],"check_interval":300}',
            next_server % 20, next_server)
    end
    return wrk.format("POST", "/status/cron", {["Content-Type"] = "application/json"}, "[" .. table.concat(reports, ",") .. "]")
end
