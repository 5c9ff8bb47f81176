#!/bin/sh
# Remake dashboard.schema.json: what Grafana says of a dashboard and of the panels that ours have, as one JSON schema.
# It needs node and npm. The version of @grafana/schema is that of the image in deploy/compose.yaml.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/dashboard.ts" "$work"
cd "$work"
npm init --yes > npm.log
npm install --no-audit --no-fund --save-exact @grafana/schema@12.4.11 ts-json-schema-generator@2.9.0 >> npm.log
cat > tsconfig.json <<'END'
{"compilerOptions": {"strict": true, "module": "nodenext", "target": "es2022", "skipLibCheck": true}, "files": ["dashboard.ts"]}
END
npx ts-json-schema-generator --path dashboard.ts --tsconfig tsconfig.json --type Checked \
    --expose none --jsDoc none --minify --out dashboard.schema.json
{ cat dashboard.schema.json; echo; } > "$here/dashboard.schema.json"
