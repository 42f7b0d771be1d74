#!/usr/bin/env bash
# What is served after the restore is what was served before the loss.
set -euo pipefail
curl -qsSf --max-time 10 "$SITE_URL/" | cmp - "$BACKUP.before"
