#!/usr/bin/env python3
"""Lists items, clauses and evidence of a verdict comment: read_verdicts.py FORGE_URL OWNER/REPO COMMENT ACCOUNT"""

import json
import sys
import urllib.request

forge, repository, number, account = sys.argv[1:]
url = f"{forge}/api/v1/repos/{repository}/issues/comments/{number}"
comment = json.load(urllib.request.urlopen(url))
if comment["user"]["login"] != account:
    sys.exit(f"{url} is by {comment['user']['login']}, not by {account}")
begin, end = "<!-- gavel-verdicts/1 ", " -->"
line = comment["body"].splitlines()[1]
if not (line.startswith(begin) and line.endswith(end)):
    sys.exit(f"{url} carries no verdicts in a version that is known here")
block = json.loads(line[len(begin) : -len(end)])
print(f"run {block['run']}: {block['verdict']}, bundle {block['bundle']}")
for item in block["items"]:
    print(f"{item['item']} {item['verdict']}, sealed by {item['chain_head']}")
    for word in item["words"]:
        print(f"  {word['word']} by {word['account']} in {word['comment']}, which {word['anchor']}")
    for clause in item["clauses"]:
        links = [f"{item['page']}#fact-{fact}" for fact in clause["evidence"]]
        print(f"  {clause['id']} {clause['verdict']}", *links)
