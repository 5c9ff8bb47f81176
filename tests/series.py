"""A scrape as a table: what each series says, read by the parser of Prometheus' own client library."""

from prometheus_client.parser import text_string_to_metric_families

Series = dict[tuple[str, ...], float]


def series(text: str) -> Series:
    """The value of each series by its name and `label=value`, sorted. One that is there twice is an error."""
    found = Series()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *sorted(f"{label}={value}" for label, value in sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found
