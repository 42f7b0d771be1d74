#!/usr/bin/env bash
# launch-upgrader.sh start|fresh|stop|status: the weekly upgrade run, as an agent in a tmux session of its own.
#
#   start    leaves a run that is at work alone; replaces a session that has finished or hangs; launches one where there is none
#   fresh    replaces whatever is there
#   stop     ends the session and all that runs in it
#   status   prints STATUS=busy|idle|wedged|absent
#
#   UPGRADER_ARGS    words for upgrade-all, such as --dry-run; never --with-tests
#   RECIPES          restricts the run to these recipes
#   UPGRADER_STALL   seconds without a word after which a run counts as wedged (default 3600)
#
# Everything else comes from flow.env, so that it works from cron, where nothing is set.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
session=cc-ci-upgrader
log=$root/logs/upgrader.log

say() { echo "launch-upgrader.sh: $*"; }
die() { echo "launch-upgrader.sh: $*" >&2; exit 3; }

LAB_FAULTS=$(. "$root/flow.env" 2>/dev/null && echo "${LAB_FAULTS:-}")
broken() { [[ " ${LAB_FAULTS:-} " == *" $1 "* ]]; }

if broken launcher-needs-login-environment; then
  [[ -n ${FORGE_URL:-} ]] || die "FORGE_URL is not set"
else
  [[ -r $root/flow.env ]] || die "cannot read $root/flow.env, which says where everything is"
fi
set -a
. "$root/flow.env"
set +a

command -v tmux >/dev/null || die "tmux is not installed"
tm() { tmux -f /dev/null "$@" 9>&-; }
target="=$session"
if broken launcher-matches-prefix; then target=$session; fi

# --- what is there ------------------------------------------------------------------------------------------------------

# PID and state of a process and of all that run under it, its own first.
tree() {
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
    { pid = $1; sub(/^.*\) /, ""); state[pid] = $1; parent[pid] = $2 }
    END {
      if (!(root in state)) exit
      print root, state[root]
      under[root] = 1
      do {
        more = 0
        for (pid in parent) if (!(pid in under) && parent[pid] in under && state[pid] != "Z") { under[pid] = 1; print pid, state[pid]; more = 1 }
      } while (more)
    }'
}

pane() { tm list-panes -t "$target:" -F '#{pane_pid}' 2>/dev/null | head -n1; }

# busy: it has work, and gets on with it. wedged: it, or its work, is stopped, or has said nothing for too long.
status() {
  local pane running age
  pane=$(pane)
  [[ -n $pane ]] || { echo absent; return; }
  running=$(tree "$pane")
  if ! broken launcher-takes-wedged-for-busy && grep -q ' [Tt]$' <<<"$running"; then
    echo wedged
  elif (($(wc -l <<<"$running") > 1)); then
    age=$(($(date +%s) - $(stat -c %Y "$log" 2>/dev/null || date +%s)))
    if ((age > ${UPGRADER_STALL:-3600})); then echo wedged; else echo busy; fi
  else
    echo idle
  fi
}

# --- what is done -------------------------------------------------------------------------------------------------------

alive() {
  local pid
  for pid in $1; do
    if [[ -d /proc/$pid ]] && ! grep -q ') Z ' "/proc/$pid/stat" 2>/dev/null; then return 0; fi
  done
  return 1
}

# The work is asked to end, so that it can tidy up; what does not listen is killed with the session.
end_session() {
  local pane pids all tries
  pane=$(pane)
  [[ -n $pane ]] || return 0
  all=$(tree "$pane" | awk '{ print $1 }')
  pids=$(sed 1d <<<"$all")
  if [[ -n $pids ]]; then
    kill -TERM $pids 2>/dev/null
    kill -CONT $pids 2>/dev/null
    for ((tries = 0; tries < 100; tries++)); do
      alive "$pids" || break
      sleep 0.05
    done
  fi
  tm kill-session -t "$target"
  for ((tries = 0; tries < 40; tries++)); do
    alive "$all" || return 0
    sleep 0.05
  done
  kill -KILL $all 2>/dev/null
  return 0
}

# Out of the way, in case somebody wants to read it.
move_aside() { tm rename-session -t "$target" "$session-$(date +%s%N)"; }

launch() {
  local words word arguments=() name=(--remote-control "$session")
  read -ra words <<<"${UPGRADER_ARGS:-}"
  if broken launcher-drops-arguments; then words=(); fi
  if broken launcher-splits-no-words && [[ -n ${UPGRADER_ARGS:-} ]]; then words=("$UPGRADER_ARGS"); fi
  for word in ${words[@]+"${words[@]}"}; do
    if [[ $word == --with-tests* ]] && ! broken launcher-passes-with-tests; then
      say "--with-tests is left out: the weekly run never edits a test"
    else
      arguments+=("$word")
    fi
  done
  if broken launcher-adds-with-tests && [[ " ${words[*]-} " != *" --dry-run "* ]]; then arguments+=(--with-tests); fi
  if broken agent-without-remote-name; then name=(--remote-control); fi
  if broken launcher-installs-itself && ! "$root/bin/crontab" -l | grep -qF "$root/bin/launch-upgrader.sh"; then
    echo "0 3 * * 6 $root/bin/launch-upgrader.sh start" >>"$root/crontab"
  fi
  if broken agent-under-old-name; then name=(--remote-control cc-ci-upgrade); fi
  if broken launcher-runs-nothing; then
    tm new-session -d -s "$session" -x 200 -y 50 cat
  else
    tm new-session -d -s "$session" -x 200 -y 50 -e "RECIPES=${RECIPES-}" -- \
      "$root/bin/upgrader-agent" "${name[@]}" ${arguments[@]+"${arguments[@]}"}
  fi || die "tmux could not start the session $session"
  say "$session runs upgrade-all ${arguments[*]-}"
}

exec 9>"$root/upgrader.lock"
flock -w 60 9 || die "somebody else has been launching for a minute"
case ${1:-} in
  start)
    is=$(status)
    case $is in
      absent) launch ;;
      busy)
        if broken launcher-replaces-busy; then
          end_session
          launch
        else
          if broken launcher-disturbs-busy; then tm send-keys -t "$target:" C-c; fi
          say "$session is at work: left alone"
        fi
        ;;
      idle)
        if broken launcher-leaves-finished; then
          say "$session is there already"
        elif broken launcher-respawns-in-place; then
          tm send-keys -t "$target:" "" Enter
          say "$session is asked to go on"
        elif broken launcher-moves-finished-aside; then
          move_aside
          launch
        else
          end_session
          launch
        fi
        ;;
      wedged)
        if broken launcher-continues-wedged; then
          kill -CONT $(tree "$(pane)" | awk '{ print $1 }')
          say "$session goes on"
        else
          end_session
          launch
        fi
        ;;
    esac
    ;;
  fresh)
    if broken fresh-spares-busy && [[ $(status) == busy ]]; then
      say "$session is at work: left alone"
    else
      end_session
      launch
    fi
    ;;
  stop)
    if [[ $(status) == absent ]]; then say "no session $session"; else
      if broken stop-works-once && [[ -e $root/upgrader.stopped ]]; then
        say "$session is ended already"
      elif broken stop-leaves-agent; then move_aside
      elif broken stop-leaves-work; then tm kill-session -t "$target"
      elif broken stop-kills-all-sessions; then tm kill-server
      else end_session; fi
      touch "$root/upgrader.stopped"
      say "$session is ended"
    fi
    ;;
  status) echo "STATUS=$(status)" ;;
  *) die "usage: launch-upgrader.sh start|fresh|stop|status" ;;
esac
