#!/usr/bin/env python3
"""Measures Morrow: a table of figures, each with its ratio to the floor and to its peers.

The floor (the same hops and store transactions with no Morrow) and the tasks run in turns, because a machine is not
equally fast at all times; the median of the turns counts. What the peers reached was measured on such a machine in
another run.
"""
import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import measures

TURNS = 3
WORSE = 0.10  # against another revision: found when a figure lost more than that


@dataclass
class Figure:
    name: str  # as the command line takes it
    key: str  # in what is measured
    label: str
    unit: str
    less_is_better: bool
    floor: bool = False  # the floor has it too
    peers: str = ""


SYNC, ASYNC = "tasks_sync", "tasks_async"
FIGURES = [
    Figure(SYNC, "sync p50_us", "submit and get, median", "µs", True, True, "HPX 153, Ray C++ 950"),
    Figure(SYNC, "sync p99_us", "submit and get, p99", "µs", True, True, "HPX 473, Ray C++ 1,520"),
    Figure(SYNC, "sync p999_us", "submit and get, p99.9", "µs", True, True),
    Figure(ASYNC, "async/100 items_per_second", "100 in flight", "/s", False, True),
    Figure(ASYNC, "async/1000 items_per_second", "1,000 in flight", "/s", False, True, "HPX 57,000, Ray C++ 1,980"),
    Figure(ASYNC, "async/10000 items_per_second", "10,000 in flight", "/s", False, True, "HPX 88,000, Ray C++ 1,640"),
    Figure("nested", "nested items_per_second", "nested: fib(16), 3,193 futures", "/s", False),
    Figure("args", "arguments real_time", "one task with 10,000 futures as arguments", "ms", True, False,
           "Ray Python 5,700"),
    Figure("args", "returned real_time", "3,000 futures returned by one task", "ms", True),
    Figure("args", "get_all real_time", "10,000 values in one get_all", "ms", True),
    Figure("many_clients", "many_clients", "4 drivers, 1,000 in flight each", "/s", False, False, "Ray Python 1,940"),
    Figure("million", "queue_rate", "1,000,000 queued with no worker to run them", "/s", False),
    Figure("million", "million", "… then run", "/s", False, False, "Ray Python 2,100 (of 100,000)"),
    Figure("million", "store_bytes", "store for each that waits", "B", True),
    Figure("million", "worker_memory", "worker's memory for each", "B", True),
    Figure("million", "driver_memory", "driver's memory for each", "B", True),
    Figure("start", "start", "from main to the first value", "ms", True, False, "Ray C++ 5,400"),
    Figure("compile", "compile_seconds", "compile the quick start", "s", True, False, "Ray C++ 5.4, HPX 10"),
    Figure("compile", "compile_memory", "… memory of the compiler", "B", True, False, "HPX 750 MB"),
]
NAMES = ["floor"] + list(dict.fromkeys(figure.name for figure in FIGURES))
IN_TURNS = {SYNC: "sync", ASYNC: "async", "nested": "nested", "args": "arguments|returned|get_all"}


def in_turns(programs, names):
    """{label of the program: {key: median over the turns}} of what Google Benchmark measures."""
    pattern = "|".join(IN_TURNS[name] for name in names if name in IN_TURNS)
    if not pattern:
        return {label: {} for label in programs}
    seen = {label: {} for label in programs}
    for turn in range(TURNS):
        for label, program in programs.items():
            measures.progress(f"turn {turn + 1} of {TURNS}: {label}")
            for benchmark, found in measures.google_benchmark(program, pattern).items():
                for measure in ("p50_us", "p99_us", "p999_us", "items_per_second", "real_time"):
                    if measure in found:
                        seen[label].setdefault(f"{benchmark} {measure}", []).append(found[measure])
    return {label: {key: statistics.median(values) for key, values in found.items()}
            for label, found in seen.items()}


def single(build, names):
    """{key: value} of what is measured once."""
    found = {}
    for name, function in (("many_clients", measures.many_clients), ("million", measures.million),
                           ("start", measures.start), ("compile", measures.compile_quickstart)):
        if name in names:
            measures.progress(name)
            found.update(function(build))
    return found


def measure(build, names):
    programs = {"floor": build / "bench" / "bench_floor"}
    if names != ["floor"]:
        programs["morrow"] = build / "bench" / "bench_tasks"
    found = in_turns(programs, [SYNC, ASYNC] if names == ["floor"] else names)
    found.setdefault("morrow", {}).update(single(build, names))
    rows = []
    for figure in FIGURES:
        floor = found["floor"].get(figure.key) if figure.floor else None
        morrow = found["morrow"].get(figure.key)
        if floor is None and morrow is None:
            continue
        ratio = None if floor is None or morrow is None else morrow / floor
        rows.append({"name": figure.name, "figure": figure.label, "unit": figure.unit, "floor": floor,
                     "morrow": morrow, "ratio": ratio, "peers": figure.peers})
    return rows


def against(build, other, names):
    """Both builds in turns; each row with the loss of this one, as a part of the other."""
    found = in_turns({"this": build / "bench" / "bench_tasks", "other": other / "bench" / "bench_tasks"}, names)
    for label, folder in (("other", other), ("this", build)):
        measures.progress(f"{label}: {folder}")
        found[label].update(single(folder, names))
    rows = []
    for figure in FIGURES:
        here, there = found["this"].get(figure.key), found["other"].get(figure.key)
        if here is None or there is None:
            continue
        loss = here / there - 1 if figure.less_is_better else there / here - 1
        rows.append({"name": figure.name, "figure": figure.label, "unit": figure.unit, "other": there, "morrow": here,
                     "loss": loss})
    return rows


def shown(value, unit):
    if value is None:
        return "-"
    if unit == "B" and value > 1e6:
        return f"{value / 1e6:,.0f} MB"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:,.1f} {unit}"


def print_table(head, lines):
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    for line in [head, *lines]:
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1])]
        print("  ".join(cells + [line[-1]]).rstrip())


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("name", nargs="?", choices=NAMES, help="only this (default: everything)")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--other", type=Path, help=argparse.SUPPRESS)  # the build of --against REV
    options = parser.parse_args()
    names = [options.name] if options.name else NAMES[1:]
    try:
        rows = against(options.build, options.other, names) if options.other else measure(options.build, names)
    except measures.Failed as failure:
        sys.exit(f"bench: {failure}")
    except subprocess.SubprocessError as error:
        sys.exit(f"bench: {error}")
    if options.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif options.other:
        print_table(["", "other", "this", "this is"], [
            [row["figure"], shown(row["other"], row["unit"]), shown(row["morrow"], row["unit"]),
             f"{abs(row['loss']):.0%} {'worse' if row['loss'] > 0 else 'better'}"] for row in rows])
    else:
        print_table(["", "floor", "Morrow", "ratio", "peers, in another run"], [
            [row["figure"], shown(row["floor"], row["unit"]), shown(row["morrow"], row["unit"]),
             "-" if row["ratio"] is None else f"{row['ratio']:.2f}", row["peers"]] for row in rows])
    worse = [row["figure"] for row in rows if row.get("loss", 0) > WORSE]
    if worse:
        sys.exit(f"bench: worse by more than a tenth: {'; '.join(worse)}")


if __name__ == "__main__":
    main()
