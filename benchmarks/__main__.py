"""python -m benchmarks: choose, measure, report."""

import argparse
import json
import os
import sys
from pathlib import Path

from corpus import CASES

from . import measure, report
from .peers import PEERS, VALUE, installed
from .worker import environment, pin

BUILD = Path(__file__).parents[1] / "build"

# What --quick takes: a scalar, a loop, a small array, a large one, linear algebra.
QUICK = ("notebook", "chain", "array_chain", "rosenbrock", "softplus_sum", "logistic_loss")


# What --page takes, at these sizes: what an ad.function is for.  The first ones have 10, 10^3, 10^5 and 10^6 elements, or as near as rows of
# 20, 64 and 10 come.
PAGE = {
    "softplus_sum": (10, 1_000, 100_000, 1_000_000), "logistic_loss": (1, 50, 5_000, 50_000), "deep_network": (1, 16, 1_600, 16_000),
    "log_sum_exp_of_rows": (1, 100, 10_000, 100_000), "black_scholes": (10, 1_000, 100_000, 1_000_000), "n_body": (10, 300),
    "rosenbrock": (10, 1_000, 100_000), "chain": (10, 100, 1_000), "lstm": (64, 1_024),
}  # fmt: skip
PAGE_PEERS = ["autodiff", "ad.function", VALUE, "by hand", "NumExpr", "tf.function", "XLA", "PyTorch", "torch.compile", "jax.jit", "CasADi"]


def parser():
    p = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="The corpus on this engine, by hand, and on every installed peer.",
    )
    cases = [measure.IMPORT, *CASES]
    p.add_argument("--case", nargs="+", metavar="NAME", choices=cases, help="these only; --list names them")
    p.add_argument("--size", nargs="+", type=int, metavar="N", help="these sizes, not each case's own")
    p.add_argument("--peer", nargs="+", metavar="NAME", choices=list(PEERS), help=", ".join(PEERS))
    p.add_argument("--dtype", choices=list(measure.AGREE), default="float64")
    p.add_argument("--threads", type=int, default=1, help="processors that a peer may use (1)")
    p.add_argument("--runs", type=int, default=11, help="runs of each, at least 7 (11)")
    p.add_argument("--seconds", type=float, default=0.02, help="length of a run (0.02)")
    p.add_argument("--quick", action="store_true", help=f"{len(QUICK)} cases, 7 runs of 0.005 s")
    p.add_argument("--page", action="store_true", help="the cases of docs/benchmarks.md; prints its table too")
    p.add_argument("--json", metavar="FILE", default=BUILD / "benchmarks.json", help="every run (%(default)s)")
    p.add_argument("--plot", metavar="FILE", default=BUILD / "benchmarks.svg", help="a picture (%(default)s)")
    p.add_argument("--markdown", metavar="FILE", help="print a table of such a JSON file; measure nothing")
    p.add_argument("--list", action="store_true", help="name cases, sizes and installed peers")
    return p


def choose(words):
    """The options, completed and checked."""
    p = parser()
    options = p.parse_args(words)
    if options.quick:
        options.runs, options.seconds = 7, 0.005
    here = [*installed(), VALUE]
    options.peer = options.peer or (installed() if not options.page else [name for name in PAGE_PEERS if name in here])
    missing = [name for name in options.peer if name not in here]
    if missing:
        p.error(f"not installed: {', '.join(missing)}; make bench installs the peers")
    if options.runs < 7:
        p.error("fewer than 7 runs say nothing")
    return options


def list_everything():
    for case in CASES.values():
        print(f"{case.name:20s} {', '.join(f'{n:,}' for n in case.sizes):22s} {case.title}")
    print(f"{measure.IMPORT:20s} {'':22s} start Python and import the package")
    print("installed:", ", ".join(installed()))


def run(options):
    """Measure and print case by case; return the report and whether all went well."""
    workers, versions, failed = measure.start(options.peer)
    head, results, refused = report.header(options, versions), [], []
    print(report.header_text(head), flush=True)
    for name, why in failed.items():
        print(f"{name} does not start: {why}")
    try:
        for name in options.case or (PAGE if options.page else QUICK if options.quick else [measure.IMPORT, *CASES]):
            for n in [1] if name == measure.IMPORT else options.size or (options.page and PAGE.get(name)) or CASES[name].sizes:
                got, why = measure.measure(workers, name, n, options)
                print("\n" + report.case_text(name, n, got, why, head), flush=True)
                results += got
                refused += [dict(case=name, n=n, peer=peer, why=text) for peer, text in why.items()]
    finally:
        for w in workers:
            w.close()
    wrong = [r for r in refused if r["peer"] == report.OURS or r["why"].startswith(measure.WRONG)]
    return {"header": head, "results": results, "refused": refused}, not failed and not wrong


def main(words):
    options = choose(words)
    if options.list:
        list_everything()
        return 0
    if options.markdown:
        told = json.loads(Path(options.markdown).read_text(encoding="utf-8"))
        print(report.page(told) if options.page else report.markdown(told, options.case))
        return 0
    os.environ.update(environment(options.threads))
    pin(options.threads)
    result, well = run(options)
    for write, path in ((report.save, options.json), (report.plot, options.plot)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write(path, result)
    if options.page:
        print("\n" + report.page(result))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
