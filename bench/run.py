#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import measures
import objects
import survival

TURNS = 3
WORSE = 0.10  # against another revision: found when a figure lost more than that


@dataclass
class Figure:
    name: str  # as the command line takes it
    key: str  # in what is measured
    label: str
    unit: str
    less_is_better: bool
    floor: Callable | None = None  # of what the floor made, its value for this figure
    peers: dict = field(default_factory=dict)  # the same figure of others, as design.md has it
    of: str = ""  # the key of its floor, when that is measured beside it


def at(key):
    """The floor's own value under `key`."""
    return lambda found: found.get(key)


SYNC, ASYNC = "tasks_sync", "tasks_async"
ASYNC_100, ASYNC_1000, ASYNC_10000 = (f"async/{window} items_per_second" for window in (100, 1000, 10000))
FIGURES = [
    Figure(SYNC, "sync p50_us", "submit and get, median", "µs", True, at("sync p50_us"), {"HPX": 153, "Ray C++": 950}),
    Figure(SYNC, "sync p99_us", "submit and get, p99", "µs", True, at("sync p99_us"), {"HPX": 473, "Ray C++": 1520}),
    Figure(SYNC, "sync p999_us", "submit and get, p99.9", "µs", True, at("sync p999_us")),
    Figure(ASYNC, ASYNC_100, "100 in flight", "/s", False, at(ASYNC_100)),
    Figure(ASYNC, ASYNC_1000, "1,000 in flight", "/s", False, at(ASYNC_1000), {"HPX": 57_000, "Ray C++": 1_980}),
    Figure(ASYNC, ASYNC_10000, "10,000 in flight", "/s", False, at(ASYNC_10000), {"HPX": 88_000, "Ray C++": 1_640}),
    Figure("nested", "nested items_per_second", "nested: fib(16), 3,193 futures", "/s", False, at(ASYNC_100)),
    Figure("args", "arguments real_time", "one task with 10,000 futures as arguments", "ms", True,
           None, {"Ray Python": 5_700}),
    Figure("args", "returned real_time", "3,000 futures returned by one task", "ms", True),
    Figure("args", "get_all real_time", "10,000 values in one get_all", "ms", True),
    Figure("many_clients", "many_clients", "4 drivers, 1,000 in flight each", "/s", False, at(ASYNC_1000),
           {"Ray Python": 1_940}),
    Figure("million", "queue_rate", "1,000,000 queued with no worker to run them", "/s", False, at(ASYNC_10000)),
    Figure("million", "million", "… then run", "/s", False, at(ASYNC_10000), {"Ray Python, 100,000": 2_100}),
    Figure("million", "store_bytes", "store for each that waits", "B", True),
    Figure("million", "worker_memory", "worker's memory for each", "B", True),
    Figure("million", "driver_memory", "driver's memory for each", "B", True),
    Figure("start", "start", "from main to the first value", "ms", True, None, {"Ray C++": 5_400}),
    Figure("compile", "compile_seconds", "compile the quick start", "s", True, None, {"Ray C++": 5.4, "HPX": 10}),
    Figure("compile", "compile_memory", "… memory of the compiler", "B", True, None, {"HPX": 750e6}),
]
OBJECTS = "objects"
FIGURES += [Figure(OBJECTS, f"put_{kind} {size}", f"put {size} as {label}", "GB/s", False, of=f"copy {size}")
            for size in objects.SIZES
            for kind, label in (("array", "Array"), ("buffer", "Buffer"), ("vector", "std::vector"))]
FIGURES += [Figure(OBJECTS, f"get_vector {size}", f"get {size} as std::vector", "GB/s", False, of=f"copy {size}")
            for size in objects.SIZES]
FIGURES += [Figure(OBJECTS, f"get_array {size}", f"get {size} as Array, no copy", "µs", True) for size in objects.SIZES]
FIGURES += [
    Figure(OBJECTS, "get_again 2GB", "… of one that the process looks at, 2GB", "µs", True),
    Figure(OBJECTS, "put_row", "put 1MB as std::vector, one after another", "GB/s", False, of="copy_row"),
    Figure(OBJECTS, "small_puts", "put 1 kB, one after another", "/s", False),
    Figure(OBJECTS, "get_all", "10,000 objects of 16 kB in one get_all", "ms", True),
    Figure(OBJECTS, "arguments", "10,000 objects of 16 kB as arguments of a task", "ms", True),
    Figure(OBJECTS, "transfer plain", "worker to worker, 1 GiB", "GB/s", False, of="stream plain"),
    Figure(OBJECTS, "transfer tls", "worker to worker, 1 GiB, TLS", "GB/s", False, of="stream tls"),
    Figure(OBJECTS, "all_copies", "1 GiB to four workers (floor: to one)", "s", True, of="one_copy"),
    Figure(OBJECTS, "spill", "put with a full memory: to disk", "GB/s", False, of="file_write"),
    Figure(OBJECTS, "restore", "get from disk", "GB/s", False, of="file_read"),
]
SURVIVAL = "survival"
FIGURES += [
    Figure(SURVIVAL, "rerun_killed", "death of a worker to the next run of its task (floor: it stands still)", "leases", True,
           of="rerun_stopped"),
    Figure(SURVIVAL, "kills", "naps with a worker killed every 2 s (floor: with none)", "/s", False, of="no_kills"),
    Figure(SURVIVAL, "fenced_0", "a round with nothing in it, a heartbeat (floor: not fenced)", "µs", True, of="open_0"),
    Figure(SURVIVAL, "fenced_20", "a round with 20 submits (floor: not fenced)", "µs", True, of="open_20"),
]
NAMES = ["floor"] + list(dict.fromkeys(figure.name for figure in FIGURES))
IN_TURNS = {SYNC: "sync", ASYNC: "async", "nested": "nested", "args": "arguments|returned|get_all"}


def in_turns(programs):
    """{label of the program: {key: median over the turns}} of what Google Benchmark measures; each program with the
    names of what it is to measure."""
    seen = {label: {} for label in programs}
    for turn in range(TURNS):
        for label, (program, names) in programs.items():
            pattern = "|".join(IN_TURNS[name] for name in names if name in IN_TURNS)
            if not pattern:
                continue
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
                           ("start", measures.start), ("compile", measures.compile_quickstart),
                           (OBJECTS, objects.objects), (SURVIVAL, survival.survival)):
        if name in names:
            measures.progress(name)
            try:
                found.update(function(build))
            except FileNotFoundError as missing:  # an older revision has not every bench
                measures.progress(f"{name}: left out, there is no {missing.filename}")
    return found


def measure(build, names):
    only_floor = names == ["floor"]
    needs = [SYNC] if SYNC in names or only_floor else []
    if only_floor or any(figure.floor and figure.name in names and figure.name != SYNC for figure in FIGURES):
        needs.append(ASYNC)
    programs = {"floor": (build / "bench" / "bench_floor", needs)}
    if not only_floor:
        programs["morrow"] = (build / "bench" / "bench_tasks", names)
    found = in_turns(programs)
    found.setdefault("morrow", {}).update(single(build, names))
    rows = []
    for figure in FIGURES:
        if not (only_floor and figure.name in (SYNC, ASYNC)) and figure.name not in names:
            continue
        floor = figure.floor(found["floor"]) if figure.floor else found["morrow"].get(figure.of)
        morrow = found["morrow"].get(figure.key)
        if floor is None and morrow is None:
            continue
        ratio = None if floor is None or morrow is None else morrow / floor
        peers = [{"peer": peer, "value": value,
                  "times_better": None if morrow is None else value / morrow if figure.less_is_better else morrow / value}
                 for peer, value in figure.peers.items()]
        rows.append({"name": figure.name, "figure": figure.label, "unit": figure.unit, "floor": floor,
                     "morrow": morrow, "ratio": ratio, "peers": peers})
    return rows


def shown_peers(row):
    return "; ".join(f"{one['peer']} {shown(one['value'], row['unit'])}" +
                     ("" if one["times_better"] is None else f": {one['times_better']:,.1f}x") for one in row["peers"])


def against(build, other, names):
    """Both builds in turns; each row with the loss of this one, as a part of the other."""
    found = in_turns({"this": (build / "bench" / "bench_tasks", names), "other": (other / "bench" / "bench_tasks", names)})
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
    digits = 0 if value >= 100 else 1 if value >= 1 else 3
    return f"{value:,.{digits}f} {unit}"


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
        print_table(["", "floor", "Morrow", "ratio", "peers, in another run: Morrow is so many times better"], [
            [row["figure"], shown(row["floor"], row["unit"]), shown(row["morrow"], row["unit"]),
             "-" if row["ratio"] is None else f"{row['ratio']:.2f}", shown_peers(row)] for row in rows])
    worse = [row["figure"] for row in rows if row.get("loss", 0) > WORSE]
    if worse:
        sys.exit(f"bench: worse by more than a tenth: {'; '.join(worse)}")


if __name__ == "__main__":
    main()
