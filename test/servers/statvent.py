"""Reads pipes as statvent's web service does, all that are named, and prints for each what it found."""

import json
import sys


def stats_of(path):
    stats = {}
    with open(path, encoding="utf-8") as pipe:
        for line in pipe:
            name, value = (part.strip() for part in line.rsplit(":", 1))
            try:
                number = int(value)
            except ValueError:
                number = float(value)
            stats[name] = stats.get(name, 0) + number
    return stats


print(json.dumps([stats_of(path) for path in sys.argv[1:]]))
