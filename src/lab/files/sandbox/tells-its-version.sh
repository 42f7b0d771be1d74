#!/usr/bin/env bash
# The site is served by the version that this recipe was released with, and greets its visitor.
set -euo pipefail
page=$(curl -qsSf --max-time 10 -D "$RECIPE_DIR/../headers" "$SITE_URL/")
server=$(tr -d '\r' <"$RECIPE_DIR/../headers" | sed -n 's/^[Ss]erver: //p')
expected="talkative/1.4.0"
[[ $server == "$expected" ]] || { echo "expected the server $expected, got: $server"; exit 1; }
grep -q '<h1>It works</h1>' <<<"$page" || { echo "the page does not say \"It works\":"; echo "$page"; exit 1; }
