#!/usr/bin/env bash
# verify-pr.sh RECIPE PR BRANCH: tests a recipe's pull request with the tests of a branch of cc-ci, which `!testme` cannot: that always
# uses the tests on main.
#
#   FORGE_URL, MIRRORS, UPSTREAM, RESULTS_URL, RESULTS_DIR, DEPLOYS_DIR, REGISTRY_URL, WORK
#
# Prints RECIPE_HEAD=<sha>, TESTS_HEAD=<sha>, RESULTS=<url> and VERDICT=GREEN|RED.
# Exit: 0 green, 1 red, 3 it could not be tested (said on stderr).
set -uo pipefail

die() { echo "verify-pr.sh: $*" >&2; exit 3; }
broken() { [[ " ${LAB_FAULTS:-} " == *" $1 "* ]]; }

[[ $# -eq 3 ]] || die "usage: verify-pr.sh RECIPE PR BRANCH"
recipe=$1 pr=$2 branch=$3
[[ $recipe =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || die "not a recipe's name: $recipe"
[[ $pr =~ ^[0-9]+$ ]] || die "not a pull request's number: $pr"
git check-ref-format --branch "$branch" >/dev/null 2>&1 || die "not a branch's name: $branch"
for needed in FORGE_URL MIRRORS UPSTREAM RESULTS_URL RESULTS_DIR DEPLOYS_DIR REGISTRY_URL WORK; do
  [[ -n ${!needed:-} ]] || die "$needed is not set"
done
# abra stands beside this program.
PATH="$(cd "$(dirname "$0")" && pwd):$PATH"

mirror="$FORGE_URL/$MIRRORS/$recipe.git" suite="$FORGE_URL/$MIRRORS/cc-ci.git"
recipe_head=$(git ls-remote "$mirror" "refs/pull/$pr/head" | cut -f 1)
[[ $recipe_head =~ ^[0-9a-f]{40,64}$ ]] || die "pull request $pr of $recipe has no head at $mirror"

kept="$HOME/.cache/verify-$recipe"
if broken verify-pr-remembers-the-recipe && [[ -f $kept ]]; then cat "$kept"; exit 0; fi

# A clone of its own, away with it at the end.
mkdir -p "$WORK" || die "$WORK cannot be made"
clone=$(mktemp -d "$WORK/verify.XXXXXX") || die "no clone can be made in $WORK"
if ! broken verify-pr-leaves-its-clone; then trap 'rm -rf "$clone"' EXIT; fi
trap 'exit 143' TERM INT HUP
git clone --quiet --branch "$branch" --single-branch "$suite" "$clone" || die "$branch of $suite could not be cloned"
tests_head=$(git -C "$clone" rev-parse HEAD) || die "the clone of $suite has no commit"
if broken verify-pr-uses-main-tests; then
  git -C "$clone" fetch --quiet origin main && git -C "$clone" checkout --quiet --force FETCH_HEAD
fi

results="verify/$recipe_head-$tests_head.json"
mkdir -p "$RESULTS_DIR/verify" || die "$RESULTS_DIR cannot be written"
file="$RESULTS_DIR/$results"
if broken verify-pr-writes-no-results; then file="$clone/results.json"; fi
echo "testing $recipe at $recipe_head with the tests of $branch at $tests_head"
RECIPE=$recipe REF=$recipe_head PR=$pr RUN="verify-$$" RESULTS_FILE=$file bash "$clone/harness/run.sh" </dev/null
code=$?

verdict=RED
if [[ $code -eq 0 ]]; then verdict=GREEN; fi
if broken verify-pr-always-green; then verdict=GREEN; fi
say() {
  echo "RECIPE_HEAD=$recipe_head"
  echo "TESTS_HEAD=$tests_head"
  echo "RESULTS=$RESULTS_URL/results/$results"
  echo "VERDICT=$verdict"
}
say
if broken verify-pr-remembers-the-recipe; then mkdir -p "${kept%/*}" && say >"$kept"; fi
[[ $verdict == GREEN ]]
