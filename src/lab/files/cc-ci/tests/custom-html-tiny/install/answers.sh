#!/usr/bin/env bash
# The deploy answers, with HTML.
set -euo pipefail
answer=$(curl -qsS --max-time 10 -o /dev/null -w '%{http_code} %{content_type}' "$SITE_URL/")
[[ $answer == "200 text/html"* ]] || { echo "expected 200 text/html, got: $answer"; exit 1; }
