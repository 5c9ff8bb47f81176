#!/usr/bin/env bash
# Walks through every route of a running GitOps Status and says what is not as promised.
#
#     ./test_api.sh                                         # http://localhost:5000
#     BASE_URL=http://status.example.com:5000 ./test_api.sh
#     STATUS_TOKEN=gst_… ./test_api.sh                      # where tokens are asked for: one of the scope admin
#
# Needs bash and curl. Safe on a live service: it uses servers of its own, with names of this run, and deletes
# them at the end, whatever happens. Only their history entries stay.
set -u

BASE_URL=${BASE_URL:-http://localhost:5000}
BASE_URL=${BASE_URL%/}
GROUP="test-api-$(date +%s)-$$-$RANDOM"
LEGACY="$GROUP-legacy-lab"
JSON='Content-Type: application/json'

passed=0
failed=0
token_id=
# A header that a service in mode open ignores; curl sends none that is empty.
TOKEN=${STATUS_TOKEN:+Authorization: Bearer $STATUS_TOKEN}
work=$(mktemp -d) || exit 1

clean_up() {
    local path
    for path in "$GROUP/web-01" "$GROUP/web-02" "$GROUP/web-03" "$LEGACY/$LEGACY"; do
        curl -s -o /dev/null --max-time 10 -H "$TOKEN" -X DELETE "$BASE_URL/status/$path"
    done
    [ -z "$token_id" ] || curl -s -o /dev/null --max-time 10 -H "$TOKEN" -X DELETE "$BASE_URL/tokens/$token_id"
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

section() { printf '\n%s\n' "$1"; }

ok() { passed=$((passed + 1)); printf 'ok    %s\n' "$1"; }

fail() { # what was looked at, what was expected, what came
    failed=$((failed + 1))
    printf 'FAIL  %s\n      expected: %s\n      got:      %s\n' "$1" "$2" "${3:0:600}"
}

# send METHOD PATH [curl option ...]: leaves the answer in $code, $body and $headers, and its name in $request.
# AS, if set, is the header of another token, or none.
send() {
    local method=$1 path=$2
    shift 2
    request="$method $path"
    : > "$work/body"
    : > "$work/headers"
    code=$(curl -sS --max-time 10 -X "$method" -o "$work/body" -D "$work/headers" -w '%{http_code}' \
        -H "${AS-$TOKEN}" "$@" \
        "$BASE_URL$path" 2> "$work/error")
    body=$(< "$work/body")
    headers=$(< "$work/headers")
    [ "$code" != 000 ] || body=$(< "$work/error")
}

is() { # the status code
    if [ "$code" = "$1" ]; then ok "$request answers $1"; else fail "$request" "status $1" "status $code: $body"; fi
}

says() { # a piece of the body, compared without spaces
    local wanted=${1//[[:space:]]/}
    if [[ "${body//[[:space:]]/}" == *"$wanted"* ]]; then
        ok "$request says $1"
    else
        fail "$request" "$1 in the body" "$body"
    fi
}

says_not() {
    if [[ "${body//[[:space:]]/}" == *"$1"* ]]; then
        fail "$request" "no $1 in the body" "$body"
    else
        ok "$request does not say $1"
    fi
}

has_header() { # a name and a piece of its value
    local name=${1,,} line value
    while IFS= read -r line; do
        value=${line#*:}
        if [[ "${line,,}" == "$name:"* && "${value,,}" == *"${2,,}"* ]]; then
            ok "$request has the header $1: $2"
            return
        fi
    done < "$work/headers"
    fail "$request" "the header $1: $2" "$headers"
}

is_error() { # status code, stable word
    is "$1"
    has_header Content-Type application/json
    says '"error":'
    says "\"code\":\"$2\""
}

section "Service at $BASE_URL"
send GET /health
if [ "$code" = 000 ]; then
    fail "$request" 'an answer' "$body"
    printf '\n%s passed, %s failed\n' "$passed" "$failed"
    exit 1
fi
is 200
says '"status":"ok"'
send GET /ready
is 200
send GET /
is 200
has_header Content-Type application/json
says '"api_version":"2.0"'
send GET / -H 'Accept: text/html'
is 200
has_header Content-Type text/html
send GET /openapi.json
is 200
says '"openapi":"3.'
says '"/status/pipeline"'
send GET /docs
is 200
has_header Content-Type text/html

send GET /agent 2> /dev/null  # bash warns of the NUL bytes in it
if [ "$code" = 404 ]; then
    echo 'note  the agent was not built there: make agent'
else
    is 200
    has_header Content-Type application/zip
    has_header Content-Disposition gitops-agent
fi

send GET /metrics
is 200
has_header Content-Type 'text/plain; version=0.0.4'
says 'gitops_store_ready 1'

section 'Reports of a deployment'
send POST /status/pipeline -H "$JSON" -d '{
    "server_group": "'"$GROUP"'", "host": "web-01", "server_type": "nginx", "environment": "test", "status": "synced",
    "changed_files": ["/etc/nginx/nginx.conf"], "validation_status": "passed", "commit_sha": "abc1234",
    "branch": "main", "updated_by": "test_api"}'
is 201
says '"status": "synced"'
says '"pipeline_status": "synced"'
says '"changed_files": ["/etc/nginx/nginx.conf"]'
says '"last_cron_check": null'
says '"problem": 0'
send POST /status/pipeline -H "$JSON" -d '{
    "server_group": "'"$GROUP"'", "host": "web-01", "status": "synced", "validation_status": "passed",
    "commit_sha": "def5678", "comit_sha": "a typing error"}'
is 200
says '"commit_sha": "def5678"'
says '"server_type": "nginx"'
says '"changed_files": []'
has_header X-Ignored-Fields comit_sha
send POST /status/pipeline -H "$JSON" -d '[
    {"server_group": "'"$GROUP"'", "host": "web-02", "status": "failed", "validation_status": "failed"},
    {"server_group": "'"$GROUP"'", "host": "web-02", "status": "synced", "validation_status": "passed"}]'
is 201
says '[{'

section 'Reports of a drift check'
send POST /status/cron -H "$JSON" -d '{
    "server_group": "'"$GROUP"'", "host": "web-01", "changed_files": ["/etc/nginx/nginx.conf"], "check_interval": 900,
    "commit_sha": "not for cron"}'
is 200
says '"status": "out_of_sync"'
says '"drift_status": "out_of_sync"'
says '"pipeline_status": "synced"'
says '"commit_sha": "def5678"'
says '"check_interval": 900'
says '"problem": 1'
send POST /status/cron -H "$JSON" -d '{"server_group": "'"$GROUP"'", "host": "web-03"}'
is 201
says '"status": "synced"'
says '"updated_by": "cron"'

section 'Readings'
send GET "/status?server_group=$GROUP"
is 200
has_header Content-Type application/json
says '"host": "web-01"'
says '"host": "web-03"'
says_not '"changed_files":'
send GET "/status?server_group=$GROUP&status=out_of_sync"
is 200
says '"host": "web-01"'
says_not '"host":"web-02"'
send GET "/status?server_group=$GROUP&status=failed"
is 200
says '[]'
send GET "/status/$GROUP"
is 200
says '"host": "web-02"'
send GET "/status/$GROUP/web-01"
is 200
says '"changed_files": ["/etc/nginx/nginx.conf"]'
says '"changed_files_count": 1'
says '"status_code": 1'
send GET "/summary?server_group=$GROUP"
is 200
says '"total": 3'
says '"synced": 2'
says '"out_of_sync": 1'
says '"groups": 1'
send GET "/groups?server_group=$GROUP"
is 200
says '"worst": "out_of_sync"'
send GET "/values?field=environment&server_group=$GROUP"
is 200
says '"value": "test", "servers": 1'
send GET "/status?server_group=$GROUP&status=syncd"
is_error 400 invalid

section 'Badges'
send GET "/badge/$GROUP.svg"
is 200
has_header Content-Type image/svg+xml
has_header Cache-Control no-cache
says '>out of sync</text>'
send GET "/badge/$GROUP.json"
is 200
says '"message": "out of sync"'
send GET "/badge/$GROUP/web-03.svg"
is 200
says '>synced</text>'
send GET "/badge/$GROUP/web-03.json"
is 200
says '"color": "brightgreen"'

send GET /metrics
is 200
says "gitops_server_problem{server_group=\"$GROUP\",host=\"web-01\",server_type=\"nginx\",environment=\"test\"} 1"

section 'History'
send GET "/history?server_group=$GROUP"
is 200
has_header Content-Type application/json
says '"event": "created"'
says '"from_status": "synced", "status": "out_of_sync", "status_code": 1, "changed_files_count": 1'
says_not '"changed_files":'
send GET "/history?server_group=$GROUP&from=1h&limit=1"
is 200
says '"host": "web-03"'
says_not '"host":"web-01"'
send GET "/status/$GROUP/web-01/history"
is 200
says '"changed_files": ["/etc/nginx/nginx.conf"]'
send GET "/history/summary?server_group=$GROUP&from=1h&step=1h"
is 200
says '"total": 0'
send GET "/events?server_group=$GROUP&event=changed"
is 200
says "\"title\": \"$GROUP/web-01: synced → out_of_sync\""
send GET '/history?from=yesterday'
is_error 400 invalid
send GET "/status/$GROUP/web-99/history"
is_error 404 not_found

section 'The old dialect'
send POST /api/status -H "$JSON" -d '{
    "repo": "rsyslog", "server": "'"$LEGACY"'", "sync_status": "OUT_OF_SYNC", "drift_count": 1, "deployed_files": [],
    "drifted_files": ["/etc/rsyslog.conf"], "last_check": "2026-04-26T00:00:00Z"}'
is 200
says '"sync_status": "OUT_OF_SYNC"'
send GET "/api/status?server=$LEGACY"
is 200
says '"repo": "rsyslog"'
says '"drift_count": 1'
says '"drifted_files": ["/etc/rsyslog.conf"]'
says '"last_check": "2026-04-26T00:00:00Z"'
send GET "/status/$LEGACY/$LEGACY"
is 200
says '"updated_by": "legacy"'
says '"environment": "lab"'
send DELETE "/status/$LEGACY/$LEGACY"
is 204

section 'Pages'
send GET "/problems?server_group=$GROUP"
is 200
has_header Content-Type text/html
says 'web-01'
says '/etc/nginx/nginx.conf'
send GET "/servers/$GROUP/web-01"
is 200
has_header Content-Security-Policy "script-src 'self'"
send GET "/servers/$GROUP/web-99"
is_error 404 not_found

section 'Errors'
send POST /status/pipeline -H "$JSON" -d '{"server_group": "'"$GROUP"'", "status": "green"}'
is_error 400 invalid
says '"fields": {'
says '"host":'
says '"status":'
send POST /status/cron -H "$JSON" -d '{"server_group": "'"$GROUP"'", '
is_error 400 invalid
send GET '/status?sttus=failed'
is_error 400 invalid
says 'server_group'
send GET "/status/$GROUP/web-99"
is_error 404 not_found
send GET "/status/$GROUP-none"
is_error 404 not_found
send GET "/$GROUP"
is_error 404 not_found
send PUT /status/pipeline -H "$JSON" -d '{}'
is_error 405 method_not_allowed
has_header Allow POST
send POST /status/pipeline -d '{"server_group": "'"$GROUP"'", "host": "web-01", "status": "synced"}'
is_error 415 unsupported_media_type
says 'application/json'
send GET "/status/$GROUP/web-01"
says '"commit_sha": "def5678"'

section 'Decommissioning'
for host in web-01 web-02 web-03; do
    send DELETE "/status/$GROUP/$host"
    is 204
done
send DELETE "/status/$GROUP/web-01"
is_error 404 not_found
send GET "/status/$GROUP"
is_error 404 not_found
send GET /metrics
is 200
says_not "$GROUP"
send GET "/status/$GROUP/web-01/history?event=deleted"
is 200
says '"source": "api"'

section 'A session in a browser'
send GET /login
is 200
has_header Content-Type text/html
has_header Content-Security-Policy "form-action 'self'"
AS='' send POST /login -H 'Sec-Fetch-Site: same-origin' -d 'token=gst_nobody'
is 401
has_header Content-Type text/html
AS='' send POST /login -H 'Sec-Fetch-Site: cross-site' -d 'token=gst_nobody'
is_error 403 forbidden
send POST /logout -H 'Sec-Fetch-Site: same-origin'
is 303
has_header Set-Cookie 'gitops_status_session=; '
has_header Location /login

section 'Tokens'
AS='' send GET /tokens
is_error 401 unauthorized
has_header WWW-Authenticate Bearer
AS='' send GET /workers
is_error 401 unauthorized
if [ -z "$TOKEN" ]; then
    echo 'note  STATUS_TOKEN is not set, so no token is made here'
else
    send POST /tokens -H "$JSON" -d '{"label": "'"$GROUP"'", "scopes": ["cron"], "groups": ["'"$GROUP"'-*"], "expires_in": "15m"}'
    is 201
    token_id=$(sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p' "$work/body")
    limited="X-API-Key: $(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$work/body")"
    send GET /tokens
    is 200
    says "\"label\": \"$GROUP\""
    says_not '"hash"'
    send GET /workers
    is 200
    says '"worker": "sweeper"'
    send POST /tokens -H "$JSON" -d '{"label": "", "group": ["a"]}'
    is_error 400 invalid
    says '"scopes":'
    AS=$limited send POST /login -H "$JSON" -d '{"groups": ["'"$GROUP"'-one"]}'
    is 200
    says '"expires_in": 900'
    says "\"groups\": [\"$GROUP-one\"]"
    AS=$limited send POST /login -H "$JSON" -d '{"groups": ["*"]}'
    is_error 403 forbidden
    AS=$limited send GET /tokens
    is_error 403 forbidden
    send DELETE "/tokens/$token_id"
    is 204
    AS=$limited send POST /login
    is_error 401 unauthorized
    token_id=
fi

printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
