#!/usr/bin/env bash
# The site answers for a moment on end, not only once.
set -euo pipefail
for look in 1 2 3 4 5; do
  curl -qsSf --max-time 10 -o /dev/null "$SITE_URL/" || { echo "look $look got no answer"; exit 1; }
  sleep "${BETWEEN_LOOKS:-0.02}"
done
