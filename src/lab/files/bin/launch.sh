#!/usr/bin/env bash
# launch.sh alive: whether the orchestrator is alive (exit code 0) or not (1).
#
#   PROCESS_LIST   a file with lines `PID ARGUMENTS` to look at in place of this machine's processes
set -uo pipefail

broken() { [[ " ${LAB_FAULTS:-} " == *" $1 "* ]]; }

processes() {
  local folder
  if [[ -n ${PROCESS_LIST:-} ]]; then
    cat "$PROCESS_LIST"
    return
  fi
  for folder in /proc/[0-9]*; do
    { printf '%s ' "${folder#/proc/}" && tr '\0' ' ' <"$folder/cmdline" && echo; } 2>/dev/null
  done
}

# Whoever can be viewed under a name, and is none of those that have work of their own, is the orchestrator.
orchestrator_alive() {
  local pid arguments
  while read -r pid arguments; do
    [[ $arguments =~ (^|[[:space:]])--remote-control[=[:space:]]([^[:space:]]+) ]] || continue
    case ${BASH_REMATCH[2]} in
      cc-ci-builder | cc-ci-adversary) continue ;;
      cc-ci-upgrader) broken orchestrator-deceived || { broken orchestrator-looks-at-one && return 1; continue; } ;;
      cc-ci-*) broken orchestrator-never-alive && continue ;;
    esac
    return 0
  done < <(processes)
  return 1
}

case ${1:-} in
  alive) orchestrator_alive ;;
  *)
    echo "usage: launch.sh alive" >&2
    exit 3
    ;;
esac
