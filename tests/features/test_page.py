import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_examples_of_the_page_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/features.md").read_text(), re.DOTALL)
    assert len(blocks) > 2
    names = {}
    for code in blocks[1:]:  # the first is about the flights, which tests/demo has
        exec(code, names)
