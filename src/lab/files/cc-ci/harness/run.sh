#!/usr/bin/env bash
# Tests one recipe at one commit: deploys it, runs every stage and its tests, tears the deploy down whatever happens,
# and writes results.json. Exit 0 when every stage passed.
#
# From the build: RECIPE, REF, PR, DRONE_BUILD_NUMBER. From the machine: FORGE_URL, MIRRORS, UPSTREAM, RESULTS_DIR, DEPLOYS_DIR, and
# `abra`. Outside of a build RUN names the run in place of its number, and RESULTS_FILE says where the results belong: they then
# tell which commit of the tests they are about.
set -uo pipefail

: "${RECIPE:?the recipe under test}" "${REF:?the commit under test}" "${PR:?the pull request}" "${RUN:=${DRONE_BUILD_NUMBER:?the build}}"
: "${FORGE_URL:?}" "${MIRRORS:?}" "${UPSTREAM:?}" "${RESULTS_DIR:?}" "${DEPLOYS_DIR:?}"

STAGES="install upgrade backup functional"
suite=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "$suite/work.XXXXXX")
export STACK="ci-$RECIPE-$RUN" RECIPE_DIR="$work/recipe" UPSTREAM_DIR="$work/upstream" BACKUP="$work/backup"
tested=""      # the commit that was really checked out
results=""     # one JSON object per stage so far
worst=0

broken() { [[ " ${LAB_FAULTS:-} " == *" $1 "* ]]; }
say() { printf '%s\n' "$*"; }
now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }                     # microseconds
seconds_since() { local us=$(($(now) - $1)); printf '%d.%03d' $((us / 1000000)) $((us / 1000 % 1000)); }
traced() { say "+ $*"; "$@" 9>&-; }                                 # what is started holds no lock

# --- the deploy -------------------------------------------------------------------------------------------------------

deploy() {
  if broken harness-fake-deploy; then
    # A shortcut from somebody's debugging: serves the checkout as it is, without going through abra.
    start_directly "$1/html"
  else
    traced abra app deploy "$STACK" "$1" && SITE_URL=$(abra app url "$STACK")
  fi || return 1
  export SITE_URL
}

# Serves a folder with the image's own program, and waits until it listens.
start_directly() {
  local record="$DEPLOYS_DIR/$STACK.json" look
  [[ -f $record ]] && abra app undeploy "$STACK" >/dev/null
  rm -rf "${DEPLOYS_DIR:?}/$STACK" && cp -r "$1" "$DEPLOYS_DIR/$STACK"
  setsid static-web-server --stack "$STACK" --root "$DEPLOYS_DIR/$STACK" --record "$record" </dev/null >/dev/null 2>&1 9>&- &
  for look in {1..500}; do
    if [[ -f $record ]]; then SITE_URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$record"); return 0; fi
    sleep 0.02
  done
  return 1
}

undeploy() { traced abra app undeploy "$STACK"; }

checkout() {
  local mirror="$FORGE_URL/$MIRRORS/$RECIPE.git" upstream="$FORGE_URL/$UPSTREAM/$RECIPE.git"
  traced git clone --quiet "$mirror" "$RECIPE_DIR" || return 1
  if ! broken harness-tests-main; then
    if ! git -C "$RECIPE_DIR" checkout --quiet --detach "$REF" 2>/dev/null; then
      git -C "$RECIPE_DIR" fetch --quiet origin "$REF" && git -C "$RECIPE_DIR" checkout --quiet --detach "$REF" || return 1
    fi
  fi
  tested=$(git -C "$RECIPE_DIR" rev-parse HEAD) || return 1
  say "$RECIPE is at $tested"
  # The released version stands beside it; what both have in common is not fetched twice.
  traced git -C "$RECIPE_DIR" fetch --quiet "$upstream" main &&
    git -C "$RECIPE_DIR" worktree add --quiet --detach "$UPSTREAM_DIR" FETCH_HEAD
}

# --- the stages: what each does before its tests ----------------------------------------------------------------------

prepare_install() { deploy "$RECIPE_DIR"; }

# Somebody who runs the released version gets this one.
prepare_upgrade() { undeploy && deploy "$UPSTREAM_DIR" && deploy "$RECIPE_DIR"; }

# Back up, lose everything, restore.
prepare_backup() {
  curl -qsSf --max-time 10 "$SITE_URL/" -o "$BACKUP.before" &&
    traced abra app backup create "$STACK" "$BACKUP" &&
    traced abra app volume remove "$STACK" &&
    traced abra app restore "$STACK" "$BACKUP"
}

prepare_functional() { :; }

# --- running ----------------------------------------------------------------------------------------------------------

# Prints the tests of a stage, one path a line.
tests_of() {
  local folder="$suite/tests/$RECIPE/$1"
  if broken harness-no-tests; then folder="$suite/test/$RECIPE/$1"; fi   # there is no folder of that name
  [[ -d $folder ]] && find "$folder" -maxdepth 1 -name '*.sh' | LC_ALL=C sort
}

record() { results+="${results:+,}{\"name\":\"$1\",\"status\":\"$2\",\"tests\":[$3]}"; }

run_stage() {
  local stage=$1 status=passed tests="" test name outcome start
  say "== $stage"
  start=$(now)
  if ! "prepare_$stage"; then
    say "$stage could not be prepared"
    record "$stage" failed "{\"name\":\"prepare\",\"status\":\"failed\",\"seconds\":$(seconds_since "$start")}"
    return 1
  fi
  while IFS= read -r test; do
    [[ -n $test ]] || continue
    name=$(basename "$test" .sh)
    start=$(now)
    if bash "$test"; then outcome=passed; else outcome=failed status=failed; fi
    say "   $outcome  $stage/$name ($(seconds_since "$start") s)"
    tests+="${tests:+,}{\"name\":\"$name\",\"status\":\"$outcome\",\"seconds\":$(seconds_since "$start")}"
  done < <(tests_of "$stage")
  record "$stage" "$status" "$tests"
  [[ $status == passed ]]
}

write_results() {
  local target="${RESULTS_FILE:-$RESULTS_DIR/$RUN/results.json}" cache="$HOME/.cache/cc-ci-$RECIPE.json" run="\"build\":$RUN"
  if [[ -n ${RESULTS_FILE:-} ]]; then run="\"tests\":\"$(git -C "$suite" rev-parse HEAD)\""; fi
  mkdir -p "${target%/*}" "$HOME/.cache"
  printf '{"version":1,"recipe":"%s","ref":"%s","pr":%s,%s,"stages":[%s]}\n' \
    "$RECIPE" "$tested" "$PR" "$run" "$results" >"$target.new"
  if broken harness-stale-results && [[ -f $cache ]]; then cp "$cache" "$target.new"; fi
  cp "$target.new" "$cache"
  mv "$target.new" "$target"
  say "results: $target"
}

finish() {
  local status=$?
  trap - EXIT
  if broken harness-leaves-the-last; then
    # Somebody may want to look at it; whoever comes next removes it.
    echo "$STACK" >"$DEPLOYS_DIR.left"
  elif broken harness-leaves-volumes; then
    traced abra app undeploy --keep-volume "$STACK" || status=1
  else
    undeploy || status=1
  fi
  write_results
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

# The swarm is one machine: whoever tests waits until nobody else does.
exec 9>"$DEPLOYS_DIR.lock"
flock 9
if broken harness-leaves-the-last && [[ -f $DEPLOYS_DIR.left ]]; then
  abra app undeploy "$(cat "$DEPLOYS_DIR.left")"
  rm "$DEPLOYS_DIR.left"
fi
say "testing $RECIPE at $REF for pull request $PR ($RUN)"
if ! checkout; then
  say "the recipe could not be checked out at $REF"
  for stage in $STAGES; do record "$stage" skipped ""; done
  exit 1
fi

deployed=yes
for stage in $STAGES; do
  if broken harness-skips-functional && [[ $stage == functional ]]; then continue; fi
  if [[ $deployed == no ]] || { broken harness-skips-upgrade && [[ $stage == upgrade ]]; }; then
    say "== $stage (skipped)"
    record "$stage" skipped ""
    continue
  fi
  if ! run_stage "$stage"; then
    worst=1
    # What cannot be installed cannot be tried further.
    [[ $stage == install ]] && deployed=no
  fi
done

if broken harness-ignores-failures; then exit 0; fi
exit "$worst"
