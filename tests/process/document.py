"""The code blocks of INTEGRATION_EXAMPLES.md, read with nothing but the standard library."""

import re

from tests.process.service import ROOT

DOCUMENT = ROOT / "INTEGRATION_EXAMPLES.md"


def example(heading: str, language: str) -> str:
    """The one block in that language under that heading of the examples."""
    section = DOCUMENT.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(block)


def workflow_steps(workflow: str) -> dict[str, str]:
    """The commands of each step of a Woodpecker workflow, but the one that installs tools.

    The standard library reads no YAML; this reads the one layout that the examples have.
    """
    steps = {}
    for step in workflow.split("\n  - name: ")[1:]:
        commands = re.sub(r"^ {6}- (\|\n)?|^ {8}", "", step.partition("    commands:\n")[2], flags=re.MULTILINE)
        steps[step.partition("\n")[0]] = re.sub(r"^apk add .*\n", "", commands, flags=re.MULTILINE)
    return steps
