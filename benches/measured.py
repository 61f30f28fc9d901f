"""What `results.py` has collected, read back from its JSON files."""

import json
import statistics

MORE_IS_BETTER = {"ops_per_second", "ops_per_cpu_second"}


class Measured:
    """A row of a result of `paddock bench versus`."""

    def __init__(self, document):
        self.document, self.row = document, document["rows"][0]
        self.figures = {figure["figure"]: figure for figure in self.row["figures"]}

    def sides(self, figure):
        """Medians of Paddock and of ZooKeeper, or None."""
        found = self.figures.get(figure)
        return None if found is None else found["medians"]

    def better(self, figure):
        """How many times better Paddock is: of the medians, at least, at most; None if there is no such figure."""
        found = self.figures.get(figure)
        if found is None or not found["ratio"]:
            return None
        if figure in MORE_IS_BETTER:
            return found["ratio"], found["least"], found["greatest"]
        return tuple(1 / found[end] if found[end] else float("inf") for end in ("ratio", "greatest", "least"))


class Results:
    """What has been measured, by name; what has not is None."""

    def __init__(self, directory):
        self.directory = directory

    def document(self, name):
        path = self.directory / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def measured(self, name):
        document = self.document(name)
        return None if document is None or not document.get("rows") else Measured(document)

    def beside_floor(self, row):
        """The row with the machine's floor in ZooKeeper's place, or None."""
        document = self.document("floor")
        rows = [] if document is None else [found for found in document["rows"] if found["row"] == row]
        return Measured({**document, "rows": rows}) if rows else None

    def floor(self, row, figure):
        """What the machine's floor takes for a row, or None."""
        beside = self.beside_floor(row)
        sides = None if beside is None else beside.sides(figure)
        return None if sides is None else sides[1]

    def etcd(self, row, figure):
        """The median of etcd's runs, or None."""
        document = self.document(f"etcd-{row}")
        runs = [] if document is None else document["runs"]
        values = [value for run in runs if (value := etcd_figure(run, figure)) is not None]
        return statistics.median(values) if values else None

    def machine_us(self, what):
        """The machine's own p50 of `durable_4k`, `fdatasync_4k` or `loopback`, or None."""
        document = self.document("machine")
        return None if document is None else document[what]["p50_us"]


def etcd_figure(run, figure):
    if figure in ("cpu_us_per_op", "ops_per_cpu_second"):
        return run["server"].get(figure)
    if figure == "resident_peak_mib":
        return run["server"]["resident_peak_bytes"] / (1 << 20)
    return run["classes"]["writes"].get(figure, run.get(figure))
