-- Pushes of one metric each, about SERVERS groups in turn.
local servers = tonumber(os.getenv("SERVERS"))
local started = 0

function setup(thread)
    thread:set("next_server", started * math.floor(servers / 2))
    started = started + 1
end

function request()
    next_server = (next_server + 1) % servers
    local path = string.format("/metrics/job/drift/instance/host-%d", next_server)
    return wrk.format("POST", path, {["Content-Type"] = "text/plain"}, "server_changed_files 1\n")
end
