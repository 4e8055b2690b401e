"""What a run compiles: how many programs, how large, and the processor time of compiling and of the rest."""

import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

_EVERY = 0.01  # seconds between looks at the processor time
_EVENTS = {  # of jax.monitoring, with what they are called here
    "/jax/core/compile/jaxpr_trace_duration": "tracing",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lowering",
    "/jax/core/compile/backend_compile_duration": "compiling",
}


class _Stage(NamedTuple):
    name: str
    program: str
    end: float  # of time.perf_counter
    seconds: float


class CompileProfile:
    """What this process compiled while it was recorded, and the processor time of all threads."""

    def __init__(self) -> None:
        self.stages: list[_Stage] = []
        self.clock: list[tuple[float, float]] = []
        self.lines: dict[str, list[int]] = {}

    def programs(self) -> pd.DataFrame:
        """By name: how many programs, their mean length in lines of StableHLO, and seconds to compile them.

        ``cpu`` is the processor time of all threads meanwhile, ``wall`` the time that passed.
        """
        compiled = [stage for stage in self.stages if stage.name == "compiling"]
        names = [stage.program for stage in compiled]
        rows = pd.DataFrame(
            {
                "program": names,
                "cpu": [self._cpu(stage) for stage in compiled],
                "wall": [stage.seconds for stage in compiled],
            }
        )
        table = rows.groupby("program").agg(
            programs=("cpu", "size"), cpu=("cpu", "sum"), wall=("wall", "sum")
        )
        lengths = {name: np.mean(lines) for name, lines in self.lines.items()}
        table["lines"] = pd.Series(lengths).reindex(table.index)
        return table.sort_values("cpu", ascending=False).reset_index()

    def cpu_seconds(self) -> dict[str, float]:
        """Processor seconds of tracing, lowering, compiling and all the rest, of all threads."""
        if not self.clock:
            return {}
        parts = dict.fromkeys(_EVENTS.values(), 0.0)
        for stage in self.stages:
            parts[stage.name] += self._cpu(stage)
        total = self.clock[-1][1] - self.clock[0][1]
        return {**parts, "running and the rest": total - sum(parts.values())}

    def lines_of_text(self, n: int = 15) -> Iterator[str]:
        """The profile as lines of text, the n names that take longest first."""
        seconds = self.cpu_seconds()
        total = sum(seconds.values())
        parts = ", ".join(f"{name} {value:.1f} s ({value / total:.0%})" for name, value in seconds.items())
        yield f"processor time of all threads, {total:.1f} s: {parts}"
        yield f"  {'program':<32}{'number':>8}{'lines each':>12}{'CPU seconds':>13}{'seconds':>9}"
        for row in self.programs().head(n).itertuples():
            length = f"{row.lines:,.0f}" if row.lines == row.lines else "-"
            yield f"  {row.program[:31]:<32}{row.programs:>8}{length:>12}{row.cpu:>13.1f}{row.wall:>9.1f}"

    def _cpu(self, stage: _Stage) -> float:
        times, seconds = np.array(self.clock).T
        start, end = np.interp([stage.end - stage.seconds, stage.end], times, seconds)
        return float(end - start)


@contextmanager
def compile_profile() -> Iterator[CompileProfile]:
    """Record what this process compiles within a context.

    Names and lengths are of what JAX hands to XLA; a program read from the cache of compiled ones counts too.
    Times are exact to a hundredth of a second; where several threads compile or compute at once, each is
    charged with all of the processor time of that moment.
    """
    import jax

    profile, ended = CompileProfile(), threading.Event()

    def on_event(event: str, duration_secs: float, **details: str | int) -> None:
        if event in _EVENTS and not ended.is_set():
            name = str(details.get("fun_name", "?")).removeprefix("jit(").removesuffix(")")
            program = re.sub(r"\W", "_", name)
            profile.stages.append(_Stage(_EVENTS[event], program, time.perf_counter(), duration_secs))

    def watch() -> None:
        while not ended.wait(_EVERY):
            profile.clock.append((time.perf_counter(), time.process_time()))

    before = jax.config.values["jax_dump_ir_to"]  # noqa: PD011 - no table
    with tempfile.TemporaryDirectory() as folder:
        jax.config.update("jax_dump_ir_to", folder)
        jax.monitoring.register_event_duration_secs_listener(on_event)
        profile.clock.append((time.perf_counter(), time.process_time()))
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield profile
        finally:
            ended.set()
            watcher.join()
            profile.clock.append((time.perf_counter(), time.process_time()))
            jax.config.update("jax_dump_ir_to", before)
            for path in sorted(Path(folder).glob("*.mlir")):
                match = re.match(r"jax_ir\d+_jit_(.+)_compile\.mlir", path.name)
                if match:
                    lines = [line for line in path.read_text().splitlines() if not line.startswith("#loc")]
                    profile.lines.setdefault(match[1], []).append(len(lines))
