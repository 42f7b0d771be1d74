#!/usr/bin/env bash
# The page greets its visitor.
set -euo pipefail
page=$(curl -qsSf --max-time 10 "$SITE_URL/")
grep -q '<h1>It works</h1>' <<<"$page" || { echo "the page does not say \"It works\":"; echo "$page"; exit 1; }
