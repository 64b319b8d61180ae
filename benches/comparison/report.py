#!/usr/bin/env python3
"""Markdown tables from one or more result files of run.py: benches/comparison/report.py a.json b.json > tables.md"""
import json, os, statistics, sys
from run import HERE, S, load_peer

med = statistics.median

def span(v, f):
    return f.format(med(v)) + (f" ({f.format(min(v))}-{f.format(max(v))})" if len(v) > 1 else "")

def main(files):
    res, out = {}, set()
    for f in files:
        d = json.load(open(f)); out |= set(d["args"]["exclude_best"])
        for sc, r in d["results"].items(): res[sc] = {n: [x for x in v if "error" not in x] for n, v in r.items()}
    known = {n for sc in res.values() for n in sc if os.path.isdir(os.path.join(HERE, "peers", n))}
    floor = {n for n in known if getattr(load_peer(n), "FLOOR", False)}
    out |= {n for sc in res.values() for n in sc} - known
    for sc in S:
        r = {n: v for n, v in res.get(sc, {}).items() if v}
        if not r or sc in ("check", "s7", "s6r") or sc.startswith("sys"): continue
        key = "kib_per_conn" if sc.startswith("s6") else "cpu_us"
        real = [n for n in r if n not in floor and n not in out]
        best = min([med([x[key] for x in r[n]]) for n in real])
        print(f"\n**{S[sc][1]}**\n")
        if key == "cpu_us": print("| | CPU us/request | ratio to best peer | kernel share | req/s | proxy CPU | p99 ms |\n| --- | --- | --- | --- | --- | --- | --- |")
        else: print("| | KiB per idle connection | ratio to best peer | process before, MiB | CPU while idle |\n| --- | --- | --- | --- | --- |")
        for n in sorted(r, key=lambda n: med([x[key] for x in r[n]])):
            v = [x[key] for x in r[n]]; name = n + (" (limit)" if n in floor else " (prototype)" if n in out else "")
            if key == "cpu_us": print(f"| {name} | {span(v, '{:.1f}' if med(v) < 200 else '{:.0f}')} | {med(v) / best:.2f} | {med([x['sys_share'] for x in r[n]]) * 100:.0f}% | {span([x['rps'] for x in r[n]], '{:.0f}')} | {med([x['cpu_util'] for x in r[n]]) * 100:.0f}% | {med([x['p99'] for x in r[n]]) / 1000:.1f} |" if "p99" in r[n][0] else f"| {name} | {span(v, '{:.1f}')} | {med(v) / best:.2f} | {med([x['sys_share'] for x in r[n]]) * 100:.0f}% | {span([x['rps'] for x in r[n]], '{:.0f}')} | {med([x['cpu_util'] for x in r[n]]) * 100:.0f}% | |")
            else: print(f"| {name} | {span(v, '{:.2f}')} | {med(v) / best:.2f} | {med([x['before_mib'] for x in r[n]]):.0f} | {med([x['idle_cpu_pct'] for x in r[n]]):.1f}% |")
    if "s7" in res:
        rates = list(next(iter(res["s7"].values()))[0]["rates"])
        for rate in rates:
            print(f"\n**S7 gateway job at {rate} requests/s** (latency from the intended send time, us)\n\n| | p50 | p99 | p99.9 | CPU us/request | reached |\n| --- | --- | --- | --- | --- | --- |")
            q = {n: [x["rates"][rate] for x in v if "error" not in x["rates"][rate]] for n, v in res["s7"].items()}
            for n in sorted((n for n in q if q[n]), key=lambda n: med([x["p99"] for x in q[n]])):
                print(f"| {n} | " + " | ".join(span([x[k] for x in q[n]], "{:.0f}") for k in ("p50", "p99", "p999")) + f" | {span([x['cpu_us'] for x in q[n]], '{:.1f}')} | {med([x['rps'] for x in q[n]]):.0f}/s |")
    if res.get("s6r"):
        print("\n**S6r three reloads under load** (all rounds together)\n\n| | answered | not 2xx | lost | closed before an answer (a client would retry) | later than 20 ms | max ms | longest gap ms | reconnects |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for n, v in res["s6r"].items():
            if v: print(f"| {n} | {sum(x['done'] for x in v)} | {sum(x['bad'] for x in v)} | {sum(x['errors'] + x['unanswered'] for x in v)} | {sum(x['retryable'] for x in v)} | {sum(x['late'] for x in v)} | {max(x['max'] for x in v) / 1000:.0f} | {max(x['max_gap_us'] for x in v) / 1000:.0f} | {sum(x['conns'] for x in v)} |")
    for sc in ("sys1", "sys2"):
        if res.get(sc):
            print(f"\n**{S[sc][1]}**\n\n| | all | which |\n| --- | --- | --- |")
            for n, v in sorted(((n, v[0]) for n, v in res[sc].items() if v), key=lambda t: t[1]["syscalls"].get("all", 0)):
                s = v["syscalls"]; print(f"| {n} | {s.get('all', 0):.2f} | " + ", ".join(f"{k} {c:.2f}" for k, c in sorted(s.items(), key=lambda t: -t[1]) if k != "all" and c >= .02) + " |")

if __name__ == "__main__": main(sys.argv[1:])
