"""Renders the benches' 2 KB template with airspeed and with Postern, and prints the ratio of their CPU times.

Started by `benches/airspeed`, with the path of the built bench program.
"""

import json
import pathlib
import resource
import subprocess
import sys
import time
import urllib.parse

import airspeed

HERE = pathlib.Path(__file__).parent
TEMPLATE = (HERE / "templates/orders.vtl").read_text()
CASE = json.loads((HERE / "templates/orders.json").read_text())
POSTERN = sys.argv[1]
ROUNDS = 5
AIRSPEED_RENDERINGS = 40
POSTERN_RENDERINGS = 4000


class Input:
    """`$input`, as little of it as the template asks."""

    def path(self, path):
        value = json.loads(CASE["body"])
        for name in filter(None, path.removeprefix("$").split(".")):
            value = value[name]
        return value

    def json(self, path):
        return json.dumps(self.path(path), separators=(",", ":"))

    def params(self, name):
        return next(place[name] for place in CASE["params"].values() if name in place)


class Util:
    """`$util`, as little of it as the template asks."""

    escapes = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "/": "\\/", "'": "\\'"})

    def escapeJavaScript(self, text):
        return text.translate(self.escapes)

    def urlEncode(self, text):
        return urllib.parse.quote_plus(text)


def rendered(template):
    names = {
        "input": Input(),
        "util": Util(),
        "context": CASE["context"],
        "stageVariables": CASE["stageVariables"],
    }
    return template.merge(names)


def airspeed_seconds(template):
    """CPU seconds of one rendering; `template` gives the template that is rendered."""
    started = time.process_time()
    for _ in range(AIRSPEED_RENDERINGS):
        rendered(template())
    return (time.process_time() - started) / AIRSPEED_RENDERINGS


def postern_run(renderings):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([POSTERN, "template-run", str(renderings)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def postern_seconds():
    """CPU seconds of one rendering: what the start of a process takes is measured and left out."""
    return (postern_run(POSTERN_RENDERINGS) - postern_run(1)) / POSTERN_RENDERINGS


parsed = airspeed.Template(TEMPLATE)
theirs = rendered(parsed)
ours = subprocess.run([POSTERN, "--print"], check=True, capture_output=True, text=True).stdout
# The apostrophe that `escapeJavaScript` escapes is no JSON.
read = lambda text: json.loads(text.replace("\\'", "'"))
if read(theirs) != read(ours):
    sys.exit(f"the two renderings differ:\n{theirs}\n{ours}")

# In turns, so that all see the machine as it is; the best of each counts.
rounds = [
    (
        airspeed_seconds(lambda: airspeed.Template(TEMPLATE)),
        airspeed_seconds(lambda: parsed),
        postern_seconds(),
    )
    for _ in range(ROUNDS)
]
each_time, once, postern = (min(seconds) * 1e6 for seconds in zip(*rounds))
print(f"airspeed, as a gateway calls it: parsed for each request {each_time:9.1f} us {each_time / postern:6.1f}")
print(f"airspeed, parsed once                                    {once:9.1f} us {once / postern:6.1f}")
print(f"Postern, parsed once, when the configuration is read     {postern:9.1f} us")
