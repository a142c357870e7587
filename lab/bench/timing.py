"What the measurements share: medians over interleaved runs, so that whatever else the machine does meets every way alike."
import statistics
import time


def medians(ways, runs):
    "Median seconds of each function in `{name: function}`; the first run of each is not counted."
    times = {k: [] for k in ways}
    for i in range(runs+1):
        for k,f in ways.items():
            time.sleep(.02) # threads of the last one that still wait by spinning stop
            start = time.perf_counter()
            f()
            if i: times[k].append(time.perf_counter()-start)
    return {k: statistics.median(v) for k,v in times.items()}
