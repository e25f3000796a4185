import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_examples_of_the_page_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/best-practices.md").read_text(), re.DOTALL
    )
    assert len(blocks) > 1
    names = {}
    for code in blocks:
        exec(code, names)
