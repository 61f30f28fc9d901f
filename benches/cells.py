"""How figures stand in the cells of the page."""


def number(value):
    """Three digits that count, and commas."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def times(value):
    return "" if value is None else f"{value:,.0f}×" if value >= 100 else f"{value:.3g}×"


def spread(better):
    """Three cells: of the medians, at least, at most."""
    return " | ".join(map(times, better))


def word(reached):
    return {True: "yes", False: "**no**", None: "not judged"}[reached]


def links(where, name):
    return f"[json]({where}/{name}.json) [svg]({where}/{name}.svg)"
