#!/usr/bin/env bash
# After the upgrade the new version's page is served, not the old one's.
set -euo pipefail
curl -qsSf --max-time 10 "$SITE_URL/" | cmp - "$RECIPE_DIR/html/index.html"
