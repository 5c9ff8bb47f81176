-- Puts of a record of the same size, by etcd's HTTP gateway, about SERVERS keys in turn.
local servers = tonumber(os.getenv("SERVERS"))
local started = 0
local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local value = string.rep("cmVj", 160) -- 480 bytes once decoded, as much as the shortest record

function setup(thread)
    thread:set("next_server", started * math.floor(servers / 2))
    started = started + 1
end

local function base64(text)
    local bits = text:gsub(".", function(c)
        local code, out = c:byte(), ""
        for i = 7, 0, -1 do out = out .. (math.floor(code / 2 ^ i) % 2) end
        return out
    end)
    return (bits .. "0000"):gsub("%d%d%d?%d?%d?%d?", function(six)
        if #six < 6 then return "" end
        return letters:sub(tonumber(six, 2) + 1, tonumber(six, 2) + 1)
    end) .. ({"", "==", "="})[#text % 3 + 1]
end

function request()
    next_server = (next_server + 1) % servers
    local body = string.format('{"key":"%s","value":"%s"}', base64("group/host-" .. next_server), value)
    return wrk.format("POST", "/v3/kv/put", {["Content-Type"] = "application/json"}, body)
end
