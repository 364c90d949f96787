"""How long a call takes."""

import statistics
import time

WARM_UP, MEASURE = 0.1, 0.4  # seconds


def median_seconds(run):
    """Median seconds of a call, after some that are not counted; at least three calls."""
    start = time.perf_counter()
    while time.perf_counter() - start < WARM_UP:
        run()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < MEASURE:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
