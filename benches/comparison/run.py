#!/usr/bin/env python3
"""Interleaved benches of HTTP gateways: CPU microseconds per request, throughput, latency, memory, reloads.

    benches/compare --scenarios s1,s2 --rounds 3 --out results.json

Standard library only. Every listener and every request is on 127.0.0.1. See ../README.md.
"""
import argparse, importlib.util, json, os, random, re, resource, shutil, signal, socket, statistics, struct, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
HOST, VPCE, STAGE = "api.bench.internal", "vpce-0a1b2c3d4e5f60718", "prod"
NROUTES, NKEYS = 1000, 10000
HZ = os.sysconf("SC_CLK_TCK")


class Ctx:
    """What a peer needs to know to build its configuration."""
    def __init__(self, args, name, base, work, shared):
        self.args, self.name, self.dir, self.threads, self.env = args, name, os.path.join(work, name), args.threads, {}
        self.plain, self.gw, self.tls, self.admin, self.gw_other = base, base + 1, base + 2, base + 3, base + 4
        self.__dict__.update(shared)
        os.makedirs(self.dir, exist_ok=True)
    def write(self, name, text):
        p = os.path.join(self.dir, name)
        with open(p, "w") as f: f.write(text)
        return p
    def tool(self, name):
        p = os.path.join(self.args.tools, name)
        return p if os.access(p, os.X_OK) else None
    def pypi(self, var, rel):
        """A binary shipped in a PyPI wheel: environment variable first, then the site-packages of --venv."""
        if os.environ.get(var): return os.environ[var]
        if self.args.venv:
            import glob
            for sp in glob.glob(os.path.join(self.args.venv, "lib", "python3*", "site-packages")):
                p = os.path.normpath(os.path.join(sp, rel))
                if os.access(p, os.X_OK): return p
        return None


def load_peer(name):
    s = importlib.util.spec_from_file_location("peer_" + name, os.path.join(HERE, "peers", name, "peer.py"))
    m = importlib.util.module_from_spec(s); s.loader.exec_module(m)
    return m


# ---- process accounting ---------------------------------------------------------------------------------------
def tree(pid):
    kids = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try: st = open(f"/proc/{d}/stat").read()
            except OSError: continue
            kids.setdefault(int(st[st.rindex(")") + 2:].split()[1]), []).append(int(d))
    out, todo = [], [pid]
    while todo:
        p = todo.pop(); out.append(p); todo += kids.get(p, [])
    return out

def cpu(pid):
    """(run time in s from the scheduler, user s, system s) of the whole process tree."""
    run = u = s = 0
    for p in tree(pid):
        try:
            st = open(f"/proc/{p}/stat").read(); f = st[st.rindex(")") + 2:].split(); u += int(f[11]); s += int(f[12])
            for t in os.listdir(f"/proc/{p}/task"): run += int(open(f"/proc/{p}/task/{t}/schedstat").read().split()[0])
        except OSError: pass
    return run / 1e9, u / HZ, s / HZ

def pss_kib(pid):
    n = 0
    for p in tree(pid):
        try: n += int(re.search(r"^Pss:\s+(\d+)", open(f"/proc/{p}/smaps_rollup").read(), re.M).group(1))
        except (OSError, AttributeError): pass
    return n


def machine_busy():
    """Busy seconds of all cores so far (everything but idle and iowait)."""
    f = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
    return (sum(f) - f[3] - f[4]) / HZ

def wait_quiet(limit, share=0.15):
    """Wait until the machine's other work uses less than this share of one core, at most limit seconds."""
    end = time.time() + limit
    while time.time() < end:
        b = machine_busy(); time.sleep(0.4)
        if (machine_busy() - b) / 0.4 < share: return True
    return False


# ---- running things -------------------------------------------------------------------------------------------
LIVE = []
def popen(argv, core=None, **kw):
    if core is not None: argv = ["taskset", "-c", str(core)] + argv
    p = subprocess.Popen(argv, **kw); LIVE.append(p); return p

def stop(p):
    pids = tree(p.pid) if p.poll() is None else []
    if p.poll() is None:
        p.send_signal(signal.SIGTERM)
        try: p.wait(3)
        except subprocess.TimeoutExpired: pass
    for q in pids:                       # only ids that were in this child's own tree
        try: os.kill(q, signal.SIGKILL)
        except OSError: pass
    if p.poll() is None: p.wait(5)
    if p in LIVE: LIVE.remove(p)

def wait_port(port, secs, proc):
    end = time.time() + secs
    while time.time() < end:
        if proc.poll() is not None: return False
        try: socket.create_connection(("127.0.0.1", port), 0.5).close(); return True
        except OSError: time.sleep(0.1)
    return False

def wait_serving(a, ctx, peer, reqs, secs):
    """An open port is not enough: wait until the peer answers 2xx (Traefik opens its ports long before it has its routes)."""
    only = getattr(peer, "ONLY", None); end = time.time() + secs
    argv = [os.path.join(a.tools, "loadgen"), "-c", "1", "-d", "0.05", "-p", str(ctx.plain if only else ctx.gw), "-f", reqs["plain" if only else "gw"]] + ([] if only else ["-t", "-s", HOST])
    while time.time() < end:
        try:
            if json.loads(subprocess.run(argv, capture_output=True, text=True, timeout=10).stdout or "{}").get("ok"): return True
        except (subprocess.TimeoutExpired, ValueError): pass
        time.sleep(0.3)
    return False

def loadgen(a, root, port, reqs, conns, secs, extra=(), during=None, perf=False):
    """One run of the load generator around CPU samples of the proxy's tree."""
    argv = ["taskset", "-c", str(a.load_core), os.path.join(a.tools, "loadgen"), "-p", str(port), "-f", reqs, "-c", str(conns), "-d", str(secs), "-w", *extra]
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True); LIVE.append(p)
    try:
        if p.stdout.readline().strip() != "READY": return {"error": p.stderr.read()[:200].strip() or "load generator did not get ready"}
        pf = None
        if perf:
            pf = subprocess.Popen(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter," + ",".join("syscalls:sys_enter_" + s for s in SYSCALLS), "-p", ",".join(map(str, tree(root)))], stderr=subprocess.PIPE, text=True)
            LIVE.append(pf); time.sleep(0.7)
        c0 = cpu(root); p.stdin.write("go\n"); p.stdin.flush()
        if during: threading.Thread(target=during, daemon=True).start()
        line = p.stdout.readline(); c1 = cpu(root)
        r = json.loads(line); n = max(1, r["done"])
        run, u, s = c1[0] - c0[0], c1[1] - c0[1], c1[2] - c0[2]
        r.update(cpu_us=run * 1e6 / n, sys_share=s / (u + s) if u + s else 0, cpu_util=run / r["secs"], rss_mib=pss_kib(root) / 1024)
        if pf:
            pf.send_signal(signal.SIGINT); err = pf.communicate(timeout=10)[1]; LIVE.remove(pf); r["syscalls"] = {}
            for l in err.splitlines():
                f = l.split(",")
                if len(f) > 2 and f[0].isdigit() and int(f[0]): r["syscalls"][f[2].replace("syscalls:sys_enter_", "").replace("raw_syscalls:sys_enter", "all")] = int(f[0]) / n
        return r
    finally:
        if p.poll() is None: p.kill()
        p.wait(); LIVE.remove(p)

SYSCALLS = "read readv recvfrom recvmsg write writev sendto sendmsg epoll_wait epoll_pwait epoll_ctl futex nanosleep madvise accept4 close socket connect getsockopt setsockopt timerfd_settime io_uring_enter sched_yield getpid splice getpeername".split()

def h2load(a, root, port, path, headers, conns, secs):
    argv = ["taskset", "-c", str(a.load_core), "h2load", "-t", "1", "-c", str(conns), "-m", "32", "-D", str(int(max(1, secs))), "--warm-up-time", "1"]
    for k, v in headers: argv += ["-H", f"{k}: {v}"]
    c0 = cpu(root); t0 = time.time()
    p = subprocess.Popen(argv + [f"https://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True); LIVE.append(p)
    # the warm-up's requests are not in h2load's count, so CPU is sampled over the main phase only
    time.sleep(1.15); c0 = cpu(root); t0 = time.time(); time.sleep(max(0.5, int(secs) - 0.3)); c1 = cpu(root); dt = time.time() - t0
    try: out = p.communicate(timeout=60)[0]
    except subprocess.TimeoutExpired: p.kill(); out = p.communicate()[0]
    LIVE.remove(p)
    m = re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", out); s = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
    if not m or not float(m.group(1)): return {"error": "h2load: " + (out.strip().splitlines() or ["no output"])[-1][:160]}
    rps = float(m.group(1)); run, u, sy = (c1[i] - c0[i] for i in range(3))
    return {"done": int(rps * int(secs)), "ok": int(s.group(1)), "bad": int(s.group(3)) + int(s.group(4)), "errors": 0, "rps": rps, "cpu_us": run * 1e6 / (rps * dt), "sys_share": sy / (u + sy) if u + sy else 0, "cpu_util": run / dt, "rss_mib": pss_kib(root) / 1024}

# ---- the job --------------------------------------------------------------------------------------------------
def write_reqs(path, reqs):
    with open(path, "wb") as f:
        for r in reqs: f.write(struct.pack("<I", len(r)) + r)
    return path

def make_requests(work, prefixes, keys, seed=7):
    rnd = random.Random(seed); ua = "User-Agent: bench/1\r\nAccept: application/json\r\n"; out = {}
    def plain(path, extra="", body=b"", method="GET"): return (f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{ua}{extra}\r\n").encode() + body
    out["plain"] = write_reqs(work + "/plain.req", [plain("/hello/world?x=1")])
    out["close"] = write_reqs(work + "/close.req", [plain("/hello/world?x=1", "Connection: close\r\n")])
    out["b64k"] = write_reqs(work + "/b64k.req", [plain("/b64k")]); out["b1m"] = write_reqs(work + "/b1m.req", [plain("/b1m")])
    out["post"] = write_reqs(work + "/post.req", [plain("/upload", "Content-Type: application/octet-stream\r\nContent-Length: 65536\r\n", b"u" * 65536, "POST")])
    import base64
    g = []
    for _ in range(8192):
        k = rnd.choice(keys)
        g.append(plain(f"{rnd.choice(prefixes)}{rnd.randrange(10**6)}", f"x-api-key: {k}\r\nx-amzn-vpce-id: {VPCE}\r\nAuthorization: Basic {base64.b64encode((k + ':x').encode()).decode()}\r\n"))
    out["gw"] = write_reqs(work + "/gw.req", g)
    bad = keys[0][:-1] + "#"
    out["gwbad"] = write_reqs(work + "/gwbad.req", [plain(prefixes[1] + "1", f"x-api-key: {bad}\r\nx-amzn-vpce-id: {VPCE}\r\n"),
        plain(prefixes[1] + "1", f"x-api-key: {keys[1]}\r\nx-amzn-vpce-id: vpce-other\r\nAuthorization: Basic {base64.b64encode((keys[1] + ':x').encode()).decode()}\r\n"),
        plain("/nosuch/1", f"x-api-key: {keys[1]}\r\nx-amzn-vpce-id: {VPCE}\r\nAuthorization: Basic {base64.b64encode((keys[1] + ':x').encode()).decode()}\r\n")])
    out["gwbad_listener"] = write_reqs(work + "/gwbad_listener.req", [plain(prefixes[1] + "1", f"x-api-key: {bad}\r\n"),
        plain("/nosuch/1", f"x-api-key: {keys[1]}\r\n"), plain(prefixes[1] + "1", "")])
    return out

S = {  # name: (listener, title)
    "s1": ("plain", "S1 plain HTTP/1.1 keep-alive GET, 128 B, 64 connections"),
    "s2": ("gw", "S2 the gateway job: TLS 1.3 + host + 1000 routes + vpce/source + 10,000 keys + limit, 64 connections"),
    "s3": ("tls", "S3 full TLS 1.3 handshake per request (P-256, X25519)"),
    "s3r": ("tls", "S3r resumed TLS 1.3 handshake per request"),
    "s3p": ("plain", "S3p new plain TCP connection per request"),
    "s4a": ("plain", "S4a 64 KiB answers, plain"), "s4b": ("plain", "S4b 1 MiB answers, plain"), "s4c": ("plain", "S4c 64 KiB POST, plain"),
    "s4t": ("tls", "S4t 64 KiB answers over TLS"), "s4u": ("tls", "S4u 1 MiB answers over TLS"),
    "s5": ("tls", "S5 HTTP/2 over TLS, 16 connections x 32 streams, to HTTP/1.1 upstreams"),
    "s6": ("plain", "S6 idle keep-alive connections, plain: KiB of memory each"), "s6t": ("gw", "S6t idle TLS connections: KiB of memory each"),
    "s6r": ("gw", "S6r three reloads under a fixed-rate TLS load"),
    "s7": ("gw", "S7 fixed rate on the gateway job: latency from the intended send time"),
    "sys1": ("plain", "System calls per request on S1"), "sys2": ("gw", "System calls per request on S2"), "check": ("gw", "Refusals: bad key, bad vpce, unknown path must not give 2xx"),
}

def run_one(a, sc, peer, ctx, proc, reqs):
    L = S[sc][0]; port = getattr(ctx, L)
    if L not in getattr(peer, "ONLY", {"plain", "gw", "tls"}) or sc in getattr(peer, "SKIP", ()): return None
    T = ("-t", "-s", HOST) if L in ("gw", "tls") else ()
    R = lambda *x, **k: loadgen(a, proc.pid, port, *x, **k)
    if sc == "s1": return R(reqs["plain"], 64, a.secs)
    if sc == "sys1": return R(reqs["plain"], 64, a.secs, perf=True)
    if sc == "s2": return R(reqs["gw"], 64, a.secs, T)
    if sc == "sys2": return R(reqs["gw"], 64, a.secs, T, perf=True)
    if sc == "check":
        if not getattr(peer, "LISTENER_IDENTITY", False): return R(reqs["gwbad"], 8, 0.5, T)
        # the endpoint is the listener's, never a header: the wrong endpoint is another listener, where nothing may pass
        a1, a2 = R(reqs["gwbad_listener"], 8, 0.5, T), loadgen(a, proc.pid, ctx.gw_other, reqs["gw"], 8, 0.5, T)
        if "error" in a1 or "error" in a2: return a1 if "error" in a1 else a2
        return {**a1, "ok": a1["ok"] + a2["ok"], "bad": a1["bad"] + a2["bad"]}
    if sc == "s3": return R(reqs["close"], 16, a.secs, T + ("-k", "close"))
    if sc == "s3r": return R(reqs["close"], 16, a.secs, T + ("-k", "close", "-R"))
    if sc == "s3p": return R(reqs["close"], 16, a.secs, T + ("-k", "close"))
    if sc in ("s4a", "s4t"): return R(reqs["b64k"], 32, a.secs, T)
    if sc in ("s4b", "s4u"): return R(reqs["b1m"], 16, a.secs, T)
    if sc == "s4c": return R(reqs["post"], 32, a.secs, T)
    if sc == "s5": return h2load(a, proc.pid, port, "/hello/world?x=1", [("accept", "application/json")], 16, a.secs)
    if sc == "s7":
        out = {}
        for rate in a.rates: out[str(rate)] = R(reqs["gw"], 64, max(a.secs, 4), T + ("-r", str(rate)))
        return {"rates": out}
    if sc in ("s6", "s6t"):
        before = pss_kib(proc.pid)
        argv = ["taskset", "-c", str(a.load_core), os.path.join(a.tools, "loadgen"), "-p", str(port), "-f", reqs["gw" if L == "gw" else "plain"], "-c", str(a.idle), "-i", *T]
        p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True); LIVE.append(p)
        try:
            if p.stdout.readline().strip() != "READY": return {"error": p.stderr.read()[:200]}
            time.sleep(1); c0 = cpu(proc.pid); time.sleep(1); c1 = cpu(proc.pid); after = pss_kib(proc.pid)
            p.stdin.write("\n"); p.stdin.flush(); alive = json.loads(p.stdout.readline())["alive"]
            return {"kib_per_conn": (after - before) / a.idle, "before_mib": before / 1024, "after_mib": after / 1024, "alive": alive, "idle_cpu_pct": (c1[0] - c0[0]) * 100, "errors": a.idle - alive}
        finally:
            if p.poll() is None: p.kill()
            p.wait(); LIVE.remove(p); time.sleep(1)
    if sc == "s6r":
        if not hasattr(peer, "reload"): return None
        times = []
        def reloads():
            for _ in range(3):
                time.sleep(1.5); t = time.time()
                try: peer.reload(ctx, proc); times.append(round(time.time() - t, 3))
                except Exception as e: times.append(str(e)[:80])
        r = R(reqs["gw"], 64, 6.5, T + ("-r", str(a.reload_rate), "-g", "20000"), during=reloads); r["reload_call_s"] = times
        return r

# ---- output ---------------------------------------------------------------------------------------------------
def med(v): return statistics.median(v)
def span(v, f="{:.1f}"): return f.format(med(v)) + (" [" + f.format(min(v)) + "-" + f.format(max(v)) + "]" if len(v) > 1 else "")

def table(a, res, peers):
    lines = []
    for sc in a.scenarios:
        rows = {n: [r for r in res[sc].get(n, []) if r] for n in peers}; rows = {n: r for n, r in rows.items() if r}
        if not rows: continue
        lines.append("\n" + S[sc][1])
        good = {n: [x for x in r if "error" not in x] for n, r in rows.items()}
        for n in rows:
            if not good[n]: lines.append(f"  {n:12s} failed: {rows[n][0]['error']}")
        good = {n: r for n, r in good.items() if r}
        real = [n for n in good if not getattr(peers[n][0], "FLOOR", False) and n not in a.exclude_best]
        if sc == "s7":
            for rate in a.rates:
                lines.append(f"  rate {rate}/s   {'p50 us':>20s} {'p99 us':>24s} {'p99.9 us':>26s} {'CPU us/req':>20s}  not 2xx or lost")
                for n, r in sorted(good.items(), key=lambda kv: med([x["rates"][str(rate)].get("p99", 9e9) for x in kv[1]])):
                    q = [x["rates"][str(rate)] for x in r if "error" not in x["rates"][str(rate)]]
                    if q: lines.append(f"  {n:12s} {span([x['p50'] for x in q], '{:.0f}'):>22s} {span([x['p99'] for x in q], '{:.0f}'):>24s} {span([x['p999'] for x in q], '{:.0f}'):>26s} {span([x['cpu_us'] for x in q]):>20s}  {sum(x['bad'] + x['errors'] + x['retryable'] + x['unanswered'] for x in q)}" + (f"  (reached {med([x['rps'] for x in q]):.0f}/s)" if med([x["rps"] for x in q]) < rate * .98 else ""))
        elif sc in ("s6", "s6t"):
            best = max(0.01, min([med([x["kib_per_conn"] for x in good[n]]) for n in real] or [1]))
            for n, r in sorted(good.items(), key=lambda kv: med([x["kib_per_conn"] for x in kv[1]])):
                k = [x["kib_per_conn"] for x in r]; lines.append(f"  {n:12s} {span(k, '{:.2f}'):>24s} KiB/conn  x{med(k) / best:.2f}  start {med([x['before_mib'] for x in r]):.0f} MiB, idle CPU {med([x['idle_cpu_pct'] for x in r]):.1f}%, alive {min(x['alive'] for x in r)}")
        elif sc == "s6r":
            lines.append(f"  {'':12s} done   not-2xx  lost  closed-before-answer(retryable)  late>20ms   p99.9 us   max us   max gap us  reconnects")
            for n, r in good.items():
                m = lambda k: span([x[k] for x in r], "{:.0f}"); lines.append(f"  {n:12s} {m('done')}  {m('bad')}  {span([x['errors'] + x['unanswered'] for x in r], '{:.0f}')}  {m('retryable')}  {m('late')}  {m('p999')}  {m('max')}  {m('max_gap_us')}  {m('conns')}  reload calls {r[0]['reload_call_s']}")
        elif sc.startswith("sys"):
            for n, r in sorted(good.items(), key=lambda kv: med([x["syscalls"].get("all", 0) for x in kv[1]])):
                tot = [x["syscalls"].get("all", 0) for x in r]; keys = sorted({k for x in r for k in x["syscalls"] if k != "all"}, key=lambda k: -r[0]["syscalls"].get(k, 0))
                lines.append(f"  {n:12s} {span(tot, '{:.2f}'):>20s}  " + ", ".join(f"{k} {r[0]['syscalls'].get(k, 0):.2f}" for k in keys if r[0]["syscalls"].get(k, 0) >= .01))
        elif sc == "check":
            for n, r in good.items(): lines.append(f"  {n:12s} refused {sum(x['bad'] for x in r)}, wrongly allowed {sum(x['ok'] for x in r)}")
        else:
            best = min([med([x["cpu_us"] for x in good[n]]) for n in real] or [1])
            lines.append(f"  {'':12s} {'CPU us/request':>24s} {'ratio':>7s}  {'sys':>4s} {'req/s':>24s} {'CPU':>5s} {'p99 us':>9s} {'MiB':>6s}  not 2xx, lost")
            for n, r in sorted(good.items(), key=lambda kv: med([x["cpu_us"] for x in kv[1]])):
                c = [x["cpu_us"] for x in r]
                lines.append(f"  {n:12s} {span(c):>24s} {med(c) / best:6.2f}{'*' if n not in real else ' '} {med([x['sys_share'] for x in r]) * 100:4.0f}% {span([x['rps'] for x in r], '{:.0f}'):>24s} {med([x['cpu_util'] for x in r]) * 100:4.0f}% {med([x.get('p99', 0) for x in r]):9.0f} {med([x['rss_mib'] for x in r]):6.0f}  {sum(x['bad'] for x in r)}, {sum(x['errors'] + x.get('retryable', 0) + x.get('unanswered', 0) for x in r)}" + (f"  resumed {sum(x['resumed'] for x in r) / max(1, sum(x['handshakes'] for x in r)) * 100:.0f}%" if sc in ("s3", "s3r") else ""))
    oc = [x["other_cpu"] for sc in res.values() for r in sc.values() for x in r if "other_cpu" in x]
    if oc: lines.append(f"\nother work on the machine during the runs: median {med(oc) * 100:.0f}% of one core, worst {max(oc) * 100:.0f}%")
    lines.append("ratio: to the best peer's median; * marks limits and prototypes, which are not counted as best")
    return "\n".join(lines)

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--peers", default="haproxy,haproxy28,nginx,envoy,traefik,caddy,postern"); ap.add_argument("--scenarios", default="s1,s2"); ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--secs", type=float, default=3.0); ap.add_argument("--threads", type=int, default=1); ap.add_argument("--proxy-core", default="0"); ap.add_argument("--load-core", default="1")
    ap.add_argument("--rates", default="1000,4000", type=lambda s: [int(x) for x in s.split(",")]); ap.add_argument("--reload-rate", type=int, default=1500); ap.add_argument("--idle", type=int, default=9000)
    ap.add_argument("--tools", default=os.environ.get("BENCH_TOOLS", os.path.join(HERE, "build"))); ap.add_argument("--venv", default=os.environ.get("BENCH_VENV"))
    ap.add_argument("--postern-cmd", default=os.environ.get("POSTERN_CMD")); ap.add_argument("--postern-reload", default=None)
    ap.add_argument("--exclude-best", default="postern", type=lambda s: set(s.split(","))); ap.add_argument("--out"); ap.add_argument("--quiet", type=float, default=1, help="before each run, wait at most this long for other work on the machine to pause"); ap.add_argument("--keep", action="store_true", help="keep the generated configurations")
    a = ap.parse_args(); a.scenarios = a.scenarios.split(","); names = a.peers.split(",")
    for s in a.scenarios:
        if s not in S: sys.exit(f"no scenario {s}; there are: {', '.join(S)}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    nofile = min(hard, 60000); resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, hard))
    for sg in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(sg, lambda *_: sys.exit("stopped"))   # so that `finally` stops the peers
    work = tempfile.mkdtemp(prefix="gwbench-"); rnd = random.Random(1)
    prefixes = [f"/{STAGE}/svc{i:04d}/items/" for i in range(NROUTES)]; keys = ["%040x" % rnd.getrandbits(160) for _ in range(NKEYS)]
    cert, key = work + "/cert.crt", work + "/cert.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=bench", "-addext", f"subjectAltName=DNS:{HOST}"], check=True, capture_output=True)
    ups = [19101, 19102]
    shared = dict(upstreams=ups, cert=cert, key=key, host=HOST, vpce=VPCE, route_prefixes=prefixes, keys=keys, nofile=nofile)
    reqs = make_requests(work, prefixes, keys); peers, res = {}, {s: {} for s in a.scenarios}
    try:
        be = popen([os.path.join(a.tools, "backend")] + [str(p) for p in ups], a.load_core)
        if not wait_port(ups[0], 5, be): sys.exit("the backend did not start")
        for i, n in enumerate(names):
            m = load_peer(n); ctx = Ctx(a, n, 20000 + 20 * i, work, shared)
            if not m.find(ctx): print(f"{n}: not found, left out", file=sys.stderr); continue
            argv = m.start(ctx); log = open(os.path.join(ctx.dir, "output.log"), "wb")
            proc = popen(argv, a.proxy_core, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **ctx.env}, cwd=ctx.dir)
            last = ctx.plain if getattr(m, "ONLY", None) else ctx.gw
            if not wait_port(last, 60, proc) or not wait_port(ctx.plain, 20, proc):
                print(f"{n}: did not start:\n{open(log.name).read()[-1500:]}", file=sys.stderr); stop(proc); continue
            peers[n] = (m, ctx, proc)
        for n, (m, ctx, proc) in list(peers.items()):
            if not wait_serving(a, ctx, m, reqs, 90): print(f"{n}: does not answer 2xx, left out", file=sys.stderr); stop(peers.pop(n)[2])
        time.sleep(1.5)
        for sc in a.scenarios:
            rounds = 1 if sc in ("check",) else a.rounds
            for r in range(rounds):
                for n, (m, ctx, proc) in peers.items():
                    if proc.poll() is not None: res[sc].setdefault(n, []).append({"error": "the peer has exited"}); continue
                    wait_quiet(a.quiet)
                    mine = lambda: sum(cpu(q.pid)[0] for q in (proc, be))
                    b0, m0, k0, t0 = machine_busy(), mine(), sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]), time.time()
                    x = run_one(a, sc, m, ctx, proc, reqs)
                    if x: x["other_cpu"] = max(0, (machine_busy() - b0 - (mine() - m0) - (sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - k0)) / (time.time() - t0))
                    if x: res[sc].setdefault(n, []).append(x)
                    time.sleep(0.2)
            print(f"{sc} done", file=sys.stderr)
    finally:
        for p in list(LIVE): stop(p)
        if not a.keep: shutil.rmtree(work, ignore_errors=True)
        else: print("kept", work, file=sys.stderr)
    text = table(a, res, peers); print(text)
    if a.out:
        with open(a.out, "w") as f: json.dump({"args": {k: (sorted(v) if isinstance(v, set) else v) for k, v in vars(a).items() if k not in ("tools", "venv", "out", "postern_cmd", "postern_reload")}, "cores": os.cpu_count(), "results": res, "table": text}, f, indent=1)

if __name__ == "__main__": main()
