"""What a run says: a header, a table a case, JSON, a table for the README, a picture."""

import json
import os
import platform
import statistics
import time
from pathlib import Path

OURS, HAND = "autodiff", "by hand"
VALUE, NOT_WAITED = "value alone", "not waited for"  # as in peers and measure


def machine():
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def header(options, versions):
    """What has to be known to read the figures."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "dtype": options.dtype,
        "threads": options.threads,
        "runs": options.runs,
        "seconds": options.seconds,
        "peers": versions,
    }


def plural(n, word):
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def header_text(head):
    processors, threads = plural(head["processors"], "processor"), plural(head["threads"], "thread")
    return "\n".join([
        f"{head['machine']} ({processors}), {head['system']}, Python {head['python']}, {head['date']}",
        f"{head['dtype']}, {threads}, {head['runs']} runs of {1e3 * head['seconds']:g} ms or of one call",
        ", ".join(dict.fromkeys(head["peers"].values())),
    ])  # fmt: skip


def duration(s):
    """Seconds in three digits and a unit."""
    for scale, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if s * scale >= 0.9995:
            break
    else:
        scale, unit = 1e9, "ns"
    value = s * scale
    return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f} {unit}"


def ratio(a, b):
    """How many times b's time a takes: the median over the rounds, in which both stood on the same machine."""
    return statistics.median(x / y for x, y in zip(a["runs"], b["runs"]))


def ratio_text(r):
    return f"{r:.0f}" if r >= 99.5 else f"{r:.3g}" if r >= 0.01 else f"{r:.1e}"


def label(title, n):
    return f"{title}, n = {n:,}" if n > 1 else title


def groups(results):
    """The results of each case and size, by peer, in order."""
    table = {}
    for r in results:
        table.setdefault((r["case"], r["n"]), {})[r["peer"]] = r
    return table


def case_text(name, n, results, refused, head):
    """The table of one case at one size."""
    by_peer = {r["peer"]: r for r in results}
    title = label(results[0]["title"], n) if results else label(name, n)
    lines = [f"{title}  ({name}, {head['dtype']}, {plural(head['threads'], 'thread')})"]
    columns = ("min", "median", "max", f"x {OURS}", f"x {HAND}", "first call")
    lines.append(" " * 16 + "".join(f"{c:>12s}" for c in columns))
    for peer, r in by_peer.items():
        cells = [duration(f(r["runs"])) for f in (min, statistics.median, max)]
        cells += [ratio_text(ratio(r, by_peer[p])) if p in by_peer else "-" for p in (OURS, HAND)]
        lines.append(f"    {peer:12s}" + "".join(f"{c:>12s}" for c in (*cells, duration(r["first"]))))
    return "\n".join(lines + [f"    {peer:12s}  not measured: {why}" for peer, why in refused.items()])


def save(path, report):
    Path(path).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def markdown(report, cases=None):
    """The README's table: the engine's median time, and how many times that each peer takes."""
    head, results = report["header"], report["results"]
    peers = [p for p in head["peers"] if p != OURS]
    rows = [f"| value and gradient of | {OURS} | {' | '.join(peers)} |", f"|---|{'---:|' * (len(peers) + 1)}"]
    for (case, n), row in groups(results).items():
        if OURS in row and (not cases or case in cases):
            ours = row[OURS]
            cells = [f"{ratio_text(ratio(row[p], ours))}x" if p in row else "-" for p in peers]
            cells = [label(ours["title"], n), duration(statistics.median(ours["runs"])), *cells]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n\n" + header_text(head).replace("\n", "; ")


def page(report):
    """The table of docs/benchmarks.md: ad.function's median time, how many times that of the value alone it is, its first call, and how
    many times those each peer takes."""
    head, traced = report["header"], "ad.function"
    peers = [p for p in head["peers"] if p not in (traced, VALUE)]
    why = {(r["case"], r["n"], r["peer"]): r["why"] for r in report["refused"]}
    rows = [f"| value and gradient of | {traced} | over {VALUE} | first call | {' | '.join(peers)} |", f"|---|{'---:|' * (len(peers) + 3)}"]
    for (case, n), row in groups(report["results"]).items():
        if traced in row:
            ours = row[traced]
            cells = [f"{ratio_text(ratio(row[p], ours))}x, {duration(row[p]['first'])}" if p in row else
                     NOT_WAITED if why.get((case, n, p)) == NOT_WAITED else "-" for p in peers]  # fmt: skip
            over = f"{ratio_text(ratio(ours, row[VALUE]))}x" if VALUE in row else "-"
            cells = [label(ours["title"], n), duration(statistics.median(ours["runs"])), over, duration(ours["first"]), *cells]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n\n" + header_text(head).replace("\n", "; ")


def plot(path, report):
    """Every peer's time over that of the derivative by hand, a line a case, on a logarithmic scale."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        print("\nno picture: pip install matplotlib")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    table = [(case, n, row) for (case, n), row in groups(report["results"]).items() if HAND in row]
    peers = [p for p in report["header"]["peers"] if p != HAND]
    figure, axes = pyplot.subplots(figsize=(9, 1.5 + 0.24 * len(table)), layout="constrained")
    for peer in peers:
        points = [(ratio(row[peer], row[HAND]), y) for y, (_, _, row) in enumerate(table) if peer in row]
        style = dict(marker="D", ms=7, zorder=3) if peer == OURS else dict(marker="o", ms=4)
        axes.plot([x for x, _ in points], [y for _, y in points], ls="none", label=peer, **style)
    axes.axvline(1, color="black", lw=0.8)
    axes.set(xscale="log", ylim=(len(table) - 0.4, -0.6), xlabel=f"time over that {HAND}")
    axes.set_yticks(range(len(table)), [f"{case}  {n:,}" if n > 1 else case for case, n, _ in table])
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=(len(peers) + 1) // 2, frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
