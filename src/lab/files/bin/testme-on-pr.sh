#!/usr/bin/env bash
# testme-on-pr.sh RECIPE PR: asks for a test run on a recipe's pull request, and reads its verdict back.
#
#   POST       1: post one `!testme` first. 0 (default): only read.
#   MAX_WAIT   seconds to wait for a verdict; 0 looks once (default 1200)
#   INTERVAL   seconds between two looks (default 10)
#   FORGE_URL, FORGE_TOKEN, ORG, GATE_ACCOUNT, STATUS_CONTEXT, COMMENT_MARKER
#
# Prints VERDICT=GREEN|RED|PENDING and BUILD=<url> (BUILD=? while unknown).
# Exit: 0 green, 1 red, 2 pending, 3 the question could not be asked (said on stderr).
set -uo pipefail

: "${POST:=0}" "${MAX_WAIT:=1200}" "${INTERVAL:=10}" "${ORG:=recipe-maintainers}" "${GATE_ACCOUNT:=bridge}"
: "${STATUS_CONTEXT:=cc-ci/testme}" "${COMMENT_MARKER:=<!-- cc-ci:testme -->}"

die() { echo "testme-on-pr.sh: $*" >&2; exit 3; }
broken() { [[ " ${LAB_FAULTS:-} " == *" $1 "* ]]; }

[[ $# -eq 2 ]] || die "usage: testme-on-pr.sh RECIPE PR"
recipe=$1 pr=$2
[[ $recipe =~ ^[A-Za-z0-9._-]+$ ]] || die "not a recipe's name: $recipe"
[[ $pr =~ ^[0-9]+$ ]] || die "not a pull request's number: $pr"
[[ -n ${FORGE_URL:-} ]] || die "FORGE_URL is not set"
[[ -n ${FORGE_TOKEN:-} ]] || die "FORGE_TOKEN is not set"
repo="$FORGE_URL/api/v1/repos/$ORG/$recipe"

# --- the forge ----------------------------------------------------------------------------------------------------------

# forge METHOD URL [JSON]: prints the answer's body; anything but 2xx ends the program. The token goes by stdin, so that no list
# of processes shows it.
forge() {
  local answer code
  answer=$(printf 'header = "Authorization: token %s"\n' "$FORGE_TOKEN" |
    curl -qsS --config - --max-time 30 -X "$1" -H 'Accept: application/json' ${3:+-H 'Content-Type: application/json' --data-binary "$3"} \
      -w '\n%{http_code}' "$2") || die "$1 $2: no answer"
  code=${answer##*$'\n'}
  [[ $code == 2?? ]] || die "$1 $2: answered $code: $(head -c 300 <<<"${answer%$'\n'*}")"
  printf '%s\n' "${answer%$'\n'*}"
}

# Flattens JSON to lines of PATH<tab>VALUE, where PATH is like `3.creator.login`. Line breaks in strings stay `\n`.
flatten() {
  awk '
    function text(s) { gsub(/\\u003c/, "<", s); gsub(/\\u003e/, ">", s); gsub(/\\u0026/, "\\&", s); gsub(/\\\//, "/", s); gsub(/\\"/, "\"", s); return s }
    function take(n,  part) { part = substr(json, 1, n); json = substr(json, n + 1); return part }
    function space() { if (match(json, /^[ \t\r\n]+/)) take(RLENGTH) }
    function string(  s) { if (!match(json, /^"([^"\\]|\\.)*"/)) exit 1; s = take(RLENGTH); return text(substr(s, 2, length(s) - 2)) }
    function value(path,  n, key, open) {
      space(); open = substr(json, 1, 1)
      if (open == "{" || open == "[") {
        take(1); n = 0; space()
        while (substr(json, 1, 1) != (open == "{" ? "}" : "]")) {
          if (json == "") exit 1
          if (open == "{") { key = string(); space(); take(1) } else key = n++
          value(path == "" ? key : path "." key)
          space(); if (substr(json, 1, 1) == ",") take(1); space()
        }
        take(1)
      } else if (open == "\"") print path "\t" string()
      else if (match(json, /^[-+.0-9A-Za-z]+/)) print path "\t" take(RLENGTH)
      else exit 1
    }
    { json = json $0 "\n" }
    END { value("") }'
}

# field PATH: the value at PATH in flattened JSON on stdin.
field() { awk -F '\t' -v path="$1" '$1 == path { print substr($0, length($1) + 2); exit }'; }

# --- the two places where the gate writes -------------------------------------------------------------------------------

# Prints `ID STATE URL` of the gate's newest status on $head, or nothing.
newest_status() {
  local page=1 listed all="" context=$STATUS_CONTEXT newest='$1 + 0 > best + 0'
  if broken helper-reads-other-context; then context="ci/testme"; fi
  if broken helper-first-status-wins; then newest='best == "" || $1 + 0 < best + 0'; fi
  while ((page <= 50)); do
    listed=$(forge GET "$repo/commits/$head/statuses?page=$page&limit=50") || return 3
    listed=$(flatten <<<"$listed") || die "the statuses of $head are not JSON"
    [[ -n $listed && $listed != $'\tnull' ]] || break
    # One line a status: id, state, url, of the gate's account and context only.
    all+=$(awk -F '\t' -v context="$context" -v gate="$GATE_ACCOUNT" '
      { n = $1; sub(/\..*/, "", n); key = substr($1, length(n) + 2); v[n, key] = substr($0, length($1) + 2); if (n + 0 > last) last = n + 0 }
      END { for (i = 0; i <= last; i++) if (v[i, "context"] == context && v[i, "creator.login"] == gate)
              print v[i, "id"], v[i, "status"], v[i, "target_url"] }' <<<"$listed")$'\n'
    [[ $(awk -F '\t' '$1 ~ /^[0-9]+\.id$/' <<<"$listed" | wc -l) -ge 50 ]] || break
    ((page++))
  done
  if broken helper-keeps-the-old-result; then newest="($newest) && \$2 != \"pending\""; fi
  awk "NF && ($newest) { best = \$1; line = \$0 } END { if (line) print line }" <<<"$all"
}

# Prints `BUILD STATE URL` of the gate's result comment about $head, or nothing.
result_comment() {
  local comments
  comments=$(forge GET "$repo/issues/$pr/comments") || return 3
  comments=$(flatten <<<"$comments") || die "the comments of pull request $pr are not JSON"
  awk -F '\t' -v gate="$GATE_ACCOUNT" -v marker="$COMMENT_MARKER" -v head="$head" '
    $1 ~ /^[0-9]+\.user\.login$/ { n = $1; sub(/\..*/, "", n); login[n] = $2 }
    $1 ~ /^[0-9]+\.body$/ { n = $1; sub(/\..*/, "", n); body[n] = substr($0, length($1) + 2); if (n + 0 > last) last = n + 0 }
    END {
      for (i = 0; i <= last; i++) {
        if (login[i] != gate || index(body[i], marker) != 1) continue
        if (!match(body[i], /<!-- cc-ci:result [^>]*-->/)) continue
        trailer = substr(body[i], RSTART, RLENGTH); state = build = sha = url = ""
        count = split(trailer, word, " ")
        for (w = 1; w <= count; w++) { split(word[w], pair, "="); if (pair[1] == "state") state = pair[2]; if (pair[1] == "build") build = pair[2]; if (pair[1] == "sha") sha = pair[2] }
        if (match(body[i], /\]\(https?:[^)]*\)/)) url = substr(body[i], RSTART + 2, RLENGTH - 3)
        if (sha == head) line = build " " state " " url
      }
      if (line) print line
    }' <<<"$comments"
}

# --- the verdict ----------------------------------------------------------------------------------------------------------

verdict_of() {
  case $1 in
    success) if broken helper-green-as-red; then echo RED; else echo GREEN; fi ;;
    failure | error | warning)
      if broken helper-red-as-green; then echo GREEN
      elif broken helper-ignores-failures; then echo PENDING
      else echo RED; fi ;;
    pending)
      if broken helper-pending-as-green; then echo GREEN
      elif broken helper-pending-as-red; then echo RED
      else echo PENDING; fi ;;
    *) if broken helper-green-on-empty; then echo GREEN; else echo PENDING; fi ;;
  esac
}

# Looks once; sets verdict and build. What was there before our own `!testme` does not count.
look() {
  local status="" comment="" id state url number said said_url verdicts=""
  if [[ $reads_statuses == yes ]]; then status=$(newest_status) || exit 3; fi
  if [[ $reads_comments == yes ]]; then comment=$(result_comment) || exit 3; fi
  if broken helper-dies-without-status; then set -e; status=$(grep . <<<"$status"); set +e; fi
  read -r id state url <<<"$status"
  read -r number said said_url <<<"$comment"
  if [[ -n $id && $id -le $status_before ]]; then state="" url=""; fi
  if [[ -n $number && $number == "$comment_before" ]]; then said="" said_url=""; fi

  # About different builds, the later one counts; about the same one, a result counts more than none, and red more than green.
  if [[ -n $state && -n $said && $number =~ ^[0-9]+$ && ${url##*/} =~ ^[0-9]+$ ]]; then
    if ((number > ${url##*/})); then state="" url=""; elif ((number < ${url##*/})); then said="" said_url=""; fi
  fi
  [[ -z $state && -n $said ]] || verdicts+=$(verdict_of "$state")
  [[ -z $said ]] || verdicts+=$(verdict_of "$said")
  case $verdicts in *RED*) verdict=RED ;; *GREEN*) verdict=GREEN ;; *) verdict=PENDING ;; esac

  build=${url:-$said_url}
  if broken helper-build-unknown; then build=""; fi
  if broken helper-build-forge-link; then build="$FORGE_URL/$ORG/$recipe/pulls/$pr"; fi
  if broken helper-build-api-link && [[ -n $build ]]; then build="$DRONE_URL/api/repos/$ORG/cc-ci/builds/${build##*/}"; fi
  if broken helper-build-oldest && [[ -n $build ]]; then
    build="${build%/*}/$(drone GET "?per_page=100" | flatten | awk -F '\t' '$1 ~ /^[0-9]+\.number$/ { n = $2 } END { print n }')"
  fi
}

drone() {
  printf 'header = "Authorization: Bearer %s"\n' "${DRONE_TOKEN:-}" | curl -qsS --config - --max-time 30 -X "$1" "${DRONE_URL:-}/api/repos/$ORG/cc-ci/builds$2"
}

say() {
  echo "VERDICT=$verdict"
  echo "BUILD=${build:-?}"
}

kept="${HOME:-/tmp}/.cache/testme-$recipe"
if broken helper-remembers-the-last-verdict && [[ $POST != 1 && -f $kept ]]; then
  verdict=$(sed -n 1p "$kept") build=$(sed -n 2p "$kept")
  # What is known to be in flight is asked again.
  if [[ $verdict != PENDING ]]; then say; exit 0; fi
fi

pull=$(forge GET "$repo/pulls/$pr") || exit 3
head=$(flatten <<<"$pull" | field head.sha)
[[ $head =~ ^[0-9a-f]{40,64}$ ]] || die "pull request $pr of $ORG/$recipe has no head commit"

reads_statuses=yes reads_comments=yes
if broken gate-statuses-helper-comments; then reads_statuses=no; fi
if broken gate-comments-helper-statuses || broken helper-reads-other-context || broken helper-first-status-wins; then reads_comments=no; fi

if broken helper-keeps-the-old-result; then reads_comments=no; fi

status_before=0 comment_before=""
posting=no
if [[ $POST == 1 ]]; then posting=yes; fi
if broken helper-posts-on-post-0 && [[ -n $POST ]]; then posting=yes; fi
if broken helper-posts-nothing && [[ $POST != true ]]; then posting=no; fi
if broken helper-triggers-directly && [[ $posting == no ]]; then drone POST "?branch=main&RECIPE=$recipe&REF=$head&PR=$pr" >/dev/null; fi

if [[ $posting == yes ]]; then
  before=$(newest_status) || exit 3
  status_before=${before%% *} status_before=${status_before:-0}
  if broken helper-keeps-the-old-result; then status_before=0; fi
  before=$(result_comment) || exit 3
  comment_before=${before%% *}
  trigger='!testme'
  if broken helper-posts-decorated; then trigger="!testme $recipe"; fi
  forge POST "$repo/issues/$pr/comments" "{\"body\":\"$trigger\"}" >/dev/null || exit 3
  if broken helper-posts-twice; then forge POST "$repo/issues/$pr/comments" "{\"body\":\"$trigger\"}" >/dev/null || exit 3; fi
fi

started=${EPOCHREALTIME/[.,]/}
limit=$(awk -v s="$MAX_WAIT" 'BEGIN { printf "%.0f", s * 1000000 }')
while :; do
  look
  [[ $verdict == PENDING ]] || break
  ((${EPOCHREALTIME/[.,]/} - started < limit)) || break
  if broken helper-prints-every-look; then say; fi
  sleep "$INTERVAL"
done

say
if broken helper-remembers-the-last-verdict; then mkdir -p "${kept%/*}" && printf '%s\n' "$verdict" "$build" >"$kept"; fi
case $verdict in GREEN) exit 0 ;; RED) exit 1 ;; *) exit 2 ;; esac
